"""What `make bench` runs: one package part per capability, each printing figures as JSON lines.

Measures what ships; nothing that ships imports from here.
"""
