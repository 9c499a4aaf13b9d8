"""The public REST API, the inbound webhook addresses, signed files."""
