"""Write to stores: asking.py (what is wanted), turns.py (one at a time), writing.py, and the way back: undoing.py,
wayback.py (what it makes of a list), alts.py (its texts), reversing.py (of many), cleaning.py (files nobody uses).
"""
