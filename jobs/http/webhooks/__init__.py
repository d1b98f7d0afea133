"""The routes of webhooks: who is told of runs that ended, and what was delivered."""
