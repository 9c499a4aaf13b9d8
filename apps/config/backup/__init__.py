"""Backups: a folder with the database, every file and, if asked for, the keys; and the way back.

manifest.py says what a backup holds, database.py runs PostgreSQL's own tools, files.py copies, keys.py wraps,
making.py and restoring.py put it together.
"""
