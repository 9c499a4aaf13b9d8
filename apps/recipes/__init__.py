"""Versioned styles: what a photo shall become."""
