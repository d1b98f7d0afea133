"""One runner's part: a run from its start to its end, lost and waiting runs, previews, credentials of programs on NATS."""
