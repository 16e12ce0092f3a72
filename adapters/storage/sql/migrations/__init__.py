"""How the database gets from version to version, one file each, run by Alembic."""
