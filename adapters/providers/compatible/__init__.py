"""Any endpoint that speaks Chat Completions."""
