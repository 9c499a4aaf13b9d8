"""Workspaces, their members and roles, API keys."""
