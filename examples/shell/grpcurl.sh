#!/bin/sh
# Asks once; grpcurl prints each event as JSON. usage: grpcurl.sh [HOST:PORT]
# Over a network: without -plaintext, and with -H "authorization: Bearer $LLMSERVICE_TOKEN".
proto=$(cd "$(dirname "$0")/../../proto/llmservice/v1" && pwd)
exec grpcurl -plaintext -max-time 60 -import-path "$proto" -proto llm_service.proto -d '{
  "provider": "local", "model": "smollm2-135m-instruct", "max_tokens": 24,
  "messages": [{"role": "user", "content": "Say hello in five words."}]
}' "${1:-127.0.0.1:50051}" llmservice.v1.LLMService/InvokeStream
