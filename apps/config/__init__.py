"""Settings, addresses, the two Celery ends, the commands that start everything. Decides nothing about photos."""
