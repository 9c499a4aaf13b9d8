"""What work cost: one record per attempt, reservations, budgets, the price table."""
