"""The routes of stored jobs: lists, saving, deleting."""
