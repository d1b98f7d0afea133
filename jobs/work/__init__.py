"""What connects web workers and runners: the queue, messages over NATS, questions for previews, a run's files."""
