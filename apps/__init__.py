"""The Django house. Rooms from high to low:

config, api|dashboard, flow, publishing, review, jobs, catalog|recipes|ingest, stores, usage, accounts,
audit, lib.
"""
