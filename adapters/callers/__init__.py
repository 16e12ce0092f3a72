"""Who may call: by a table in memory, and by several sources in turn."""
