#!/bin/sh
# Generates the client's code into ./pb; the file is mapped to this module's package.
cd "$(dirname "$0")" && mkdir -p pb && exec protoc -I ../../proto/llmservice/v1 \
    --go_out=pb --go_opt=paths=source_relative --go_opt=Mllm_service.proto=example.com/llmservice-client/pb \
    --go-grpc_out=pb --go-grpc_opt=paths=source_relative \
    --go-grpc_opt=Mllm_service.proto=example.com/llmservice-client/pb llm_service.proto
