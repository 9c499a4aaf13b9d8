"""The two private servers of an installation on one machine: PostgreSQL and Valkey, from their pip wheels.

Standard library only, no Django. Where data lies and who may start a server is `apps.config.embedded`.
"""
