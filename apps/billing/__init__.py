"""What merchants pay here, where its operator bills: plans, subscriptions, charges. Off unless asked for."""
