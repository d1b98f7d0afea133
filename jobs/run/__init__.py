"""One runner's part: a run from its start to its end, lost runs, previews, credentials of programs on NATS."""
