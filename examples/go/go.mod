module example.com/llmservice-client

go 1.24
