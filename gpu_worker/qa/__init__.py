"""Numbers about pictures. The worker measures, policy elsewhere judges."""
