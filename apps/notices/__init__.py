"""Mail to members: what happened, who wants to know, and an outbox that loses and doubles nothing."""
