"""Offer plans and see what became of them (`plans`), charge for pictures (`charging`)."""
