"""The versions, named ``rNNNN_what.py`` after their revision; once released they do not change."""
