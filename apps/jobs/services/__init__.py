"""Write to jobs: planning.py (ask), dispatch.py (hand out), results.py (take back), leases.py (what was lost)."""
