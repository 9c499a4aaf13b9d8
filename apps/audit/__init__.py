"""Who did what to which image: append-only events, chained by hash."""
