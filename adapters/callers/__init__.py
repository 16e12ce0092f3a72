"""Who may call: by a table in memory, which may follow a database, and by several sources in turn."""
