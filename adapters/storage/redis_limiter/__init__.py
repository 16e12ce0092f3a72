"""Limits that several processes share, kept in Redis."""
