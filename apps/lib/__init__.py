"""What every room may use: errors, ids, secrets, blobs, leased work. One topic per file."""
