"""The program `llmservice`. Each command is a module, imported when it is asked for."""
