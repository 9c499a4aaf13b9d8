"""The order of things, the thin tasks that carry it, the dispatcher and the sweeper."""
