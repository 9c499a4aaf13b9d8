"""Write to jobs.

planning.py and creating.py ask, batches.py moves a batch, dispatch.py hands out, results.py takes back, leases.py looks
after what was lost.
"""
