"""Counts what a run lost, doubled or left behind. Shares no code with the product: own SQL, own reading of files.

`python -m chaos.checker GIVEN.json` prints one JSON object. An import contract keeps apps, connectors and Django out.
"""
