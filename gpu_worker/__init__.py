"""Renders photos. Runs without Django and without a database: what it knows comes in a message, what it
makes goes to storage."""
