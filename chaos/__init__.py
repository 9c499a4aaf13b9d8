"""A house put through everything at once: workers, servers and store fail while work goes on; then all is counted."""
