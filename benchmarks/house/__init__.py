"""What the whole house does per second: parts that need a database, a broker and Django.

The parts run in the caller's process without Django; whatever is measured runs in a fresh process of its own
(`child.py`) against private servers (`ground.py`).
"""
