"""All settings: one tree of values, from a TOML file and the environment. Secrets are not settings."""
