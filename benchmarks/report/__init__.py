"""The report: one folder with an index.html and its pictures, no script, nothing fetched from elsewhere."""
