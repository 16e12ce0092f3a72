#!/bin/sh
# Asks once; buf prints each event as JSON. usage: buf.sh [HOST:PORT]
# Over a network: https:// without --http2-prior-knowledge, and --header "authorization: Bearer $LLMSERVICE_TOKEN".
proto=$(cd "$(dirname "$0")/../../proto/llmservice/v1" && pwd)
exec buf curl --protocol grpc --http2-prior-knowledge --timeout 60s --schema "$proto/llm_service.proto" --data '{
  "provider": "local", "model": "smollm2-135m-instruct", "max_tokens": 24,
  "messages": [{"role": "user", "content": "Say hello in five words."}]
}' "http://${1:-127.0.0.1:50051}/llmservice.v1.LLMService/InvokeStream"
