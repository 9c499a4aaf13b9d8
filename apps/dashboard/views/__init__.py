"""One file per page of the menu. Views read with `reading` and selectors, and change through services and flow only."""
