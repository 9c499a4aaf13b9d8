"""Reversible write-back: snapshot, write, verify, undo."""
