"""Rules: what happens by itself when a store tells of something new, and what waits for its hour."""
