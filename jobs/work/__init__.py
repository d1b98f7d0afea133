"""What lies between web workers and runners: the queue, the word on NATS, questions for previews, a run's files."""
