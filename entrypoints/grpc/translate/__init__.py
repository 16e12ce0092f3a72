"""Between the wire's messages and the core's values. Pure; facts are in tables."""
