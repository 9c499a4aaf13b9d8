"""Tags that templates load as `vitrine`."""
