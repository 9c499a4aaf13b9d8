"""A storefront on your own machine that behaves like a WooCommerce store, its nasty sides included.

`python -m connectors.sandbox --data DIR` runs it; README.md says which behaviour stands for which fact.
"""
