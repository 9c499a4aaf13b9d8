"""WooCommerce: products over wc/v3, media over wp/v2. README.md says what the platform really does."""
