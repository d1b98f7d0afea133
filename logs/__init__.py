"""What stands in the log, as text or as JSON for collectors: what an event is about, and nothing that must not be there."""
