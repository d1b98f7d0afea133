"""What runners are asked for browsers, over NATS."""
