"""The HTTP API of jobs and runs: routes, checks of bodies, JSON documents, errors, followers, histories, previews."""
