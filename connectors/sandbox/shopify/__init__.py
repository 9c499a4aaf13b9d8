"""A Shopify on your own machine: shops, their Admin GraphQL API, OAuth, webhooks."""
