"""The HTTP API of jobs and runs: routes, bodies at the door, JSON documents, problems, followers, histories."""
