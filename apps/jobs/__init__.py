"""Planning, lanes, leases, the render cache. The database is the truth, the broker is a wire."""
