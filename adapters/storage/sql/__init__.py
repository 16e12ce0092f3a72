"""The account in an SQL database: SQLite, or PostgreSQL."""
