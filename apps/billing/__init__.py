"""What merchants pay for this installation, where its operator bills: plans, subscriptions, charges. Off unless asked for."""
