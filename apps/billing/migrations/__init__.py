"""Database migrations of this room."""
