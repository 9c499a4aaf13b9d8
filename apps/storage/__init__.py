"""What files take up, how much they may, how long they are kept, and which of them nobody names."""
