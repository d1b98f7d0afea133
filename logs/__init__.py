"""What stands in the log: what an event is about, and lines as JSON for collectors."""
