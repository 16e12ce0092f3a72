import purerpc
import entrypoints.grpc.pb.llm_service_pb2 as entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2
import google.protobuf.duration_pb2 as google_dot_protobuf_dot_duration__pb2
import google.protobuf.struct_pb2 as google_dot_protobuf_dot_struct__pb2
import google.protobuf.timestamp_pb2 as google_dot_protobuf_dot_timestamp__pb2


class LLMServiceServicer(purerpc.Servicer):
    async def Invoke(self, input_message):
        raise NotImplementedError()

    async def InvokeStream(self, input_message):
        raise NotImplementedError()

    @property
    def service(self) -> purerpc.Service:
        service_obj = purerpc.Service(
            "llmservice.v1.LLMService"
        )
        service_obj.add_method(
            "Invoke",
            self.Invoke,
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_UNARY,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMResponse,
            )
        )
        service_obj.add_method(
            "InvokeStream",
            self.InvokeStream,
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_STREAM,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMStreamResponse,
            )
        )
        return service_obj


class LLMServiceStub:
    def __init__(self, channel):
        self._client = purerpc.Client(
            "llmservice.v1.LLMService",
            channel
        )
        self.Invoke = self._client.get_method_stub(
            "Invoke",
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_UNARY,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMResponse,
            )
        )
        self.InvokeStream = self._client.get_method_stub(
            "InvokeStream",
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_STREAM,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.LLMStreamResponse,
            )
        )


class ModelServiceServicer(purerpc.Servicer):
    async def ListModels(self, input_message):
        raise NotImplementedError()

    @property
    def service(self) -> purerpc.Service:
        service_obj = purerpc.Service(
            "llmservice.v1.ModelService"
        )
        service_obj.add_method(
            "ListModels",
            self.ListModels,
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_UNARY,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.ListModelsRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.ListModelsResponse,
            )
        )
        return service_obj


class ModelServiceStub:
    def __init__(self, channel):
        self._client = purerpc.Client(
            "llmservice.v1.ModelService",
            channel
        )
        self.ListModels = self._client.get_method_stub(
            "ListModels",
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_UNARY,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.ListModelsRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.ListModelsResponse,
            )
        )


class EmbeddingServiceServicer(purerpc.Servicer):
    async def Embed(self, input_message):
        raise NotImplementedError()

    @property
    def service(self) -> purerpc.Service:
        service_obj = purerpc.Service(
            "llmservice.v1.EmbeddingService"
        )
        service_obj.add_method(
            "Embed",
            self.Embed,
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_UNARY,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.EmbedRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.EmbedResponse,
            )
        )
        return service_obj


class EmbeddingServiceStub:
    def __init__(self, channel):
        self._client = purerpc.Client(
            "llmservice.v1.EmbeddingService",
            channel
        )
        self.Embed = self._client.get_method_stub(
            "Embed",
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_UNARY,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.EmbedRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.EmbedResponse,
            )
        )


class UsageServiceServicer(purerpc.Servicer):
    async def QueryUsage(self, input_message):
        raise NotImplementedError()

    @property
    def service(self) -> purerpc.Service:
        service_obj = purerpc.Service(
            "llmservice.v1.UsageService"
        )
        service_obj.add_method(
            "QueryUsage",
            self.QueryUsage,
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_STREAM,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.QueryUsageRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.UsageRecord,
            )
        )
        return service_obj


class UsageServiceStub:
    def __init__(self, channel):
        self._client = purerpc.Client(
            "llmservice.v1.UsageService",
            channel
        )
        self.QueryUsage = self._client.get_method_stub(
            "QueryUsage",
            purerpc.RPCSignature(
                purerpc.Cardinality.UNARY_STREAM,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.QueryUsageRequest,
                entrypoints_dot_grpc_dot_pb_dot_llm_service__pb2.UsageRecord,
            )
        )