"""Where the outside comes in: gRPC, the command line, in-process use."""
