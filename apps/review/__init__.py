"""Policy judges what was measured; a person decides what policy will not."""
