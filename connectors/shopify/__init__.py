"""Shopify: everything over the Admin GraphQL API. README.md says what the platform really does."""
