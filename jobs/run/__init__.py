"""What a runner does: it executes runs, ends lost ones, makes previews, and gives programs their NATS credentials."""
