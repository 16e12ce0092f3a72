"""Asks once and prints the answer as it comes. usage: python client.py [HOST:PORT]"""

import os
import sys

import grpc
import llm_service_pb2 as pb
import llm_service_pb2_grpc as rpc


def main(target: str) -> int:
    token = os.environ.get("LLMSERVICE_TOKEN")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    request = pb.LLMRequest(
        provider="local",
        model="smollm2-135m-instruct",
        messages=[pb.ChatMessage(role="user", content="Say hello in five words.")],
        max_tokens=24,
    )
    # Over a network: grpc.secure_channel(target, grpc.ssl_channel_credentials()).
    with grpc.insecure_channel(target) as channel:
        stream = rpc.LLMServiceStub(channel).InvokeStream(request, timeout=60, metadata=metadata)
        try:
            for event in stream:
                print(event.content, end="", flush=True)
                if event.type == pb.STREAM_EVENT_TYPE_FINISH:
                    used = event.usage
                    print(
                        f"\n{used.input_tokens} tokens in, {used.output_tokens} out",
                        file=sys.stderr,
                    )
        except grpc.RpcError as error:
            # google.rpc.Status in `grpc-status-details-bin` says more: reason, when to retry, usage.
            details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
            print(
                f"{error.code().name}: {error.details()} ({len(details)} bytes of details)",
                file=sys.stderr,
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
