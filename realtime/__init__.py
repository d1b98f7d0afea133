"""From NATS to every browser that watches: bridge, hub, clients."""
