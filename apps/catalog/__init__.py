"""A mirror of each store: products, variants, photos, and the original bytes."""
