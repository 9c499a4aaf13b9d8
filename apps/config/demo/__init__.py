"""The demonstration: a sandbox storefront, a dozen products, and the main job happening live."""
