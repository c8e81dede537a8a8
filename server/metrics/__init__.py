"""What the server counts about itself: Prometheus metrics, and the traffic of the operator's page. No addresses."""
