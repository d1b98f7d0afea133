"""Real servers that tests start: databases, NATS clusters, HTTP services, object stores, and nginx."""
