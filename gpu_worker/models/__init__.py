"""Model weights: what they are called, where they stand, and whether a merchant may use them."""
