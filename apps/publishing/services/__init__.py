"""Write to stores: asking.py (what is wanted), turns.py (one at a time), writing.py, undoing.py (the way
back), alts.py (texts on the way back)."""
