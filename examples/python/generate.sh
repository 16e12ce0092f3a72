#!/bin/sh
# Generates the client's code beside it.
cd "$(dirname "$0")" && exec "${PYTHON:-python3}" -m grpc_tools.protoc -I ../../proto/llmservice/v1 \
    --python_out=. --grpc_python_out=. llm_service.proto
