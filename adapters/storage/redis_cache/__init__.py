"""Answers that several servers share, kept in Redis."""
