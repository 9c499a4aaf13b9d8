"""The private services, the supervisor, settings and the production images."""
