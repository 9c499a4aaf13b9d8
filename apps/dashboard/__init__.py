"""HTML for people: templates and htmx."""
