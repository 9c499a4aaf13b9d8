"""telling.py notes what happened and puts it into mails, sending.py sends them, choosing.py keeps what members want."""
