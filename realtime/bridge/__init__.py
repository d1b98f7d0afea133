"""From NATS to the hub: the bridge, what it is asked for, and the past of jobs, read from the stream."""
