"""What a runner does: it executes runs, ends lost ones, queues waiting ones again, and makes previews.

It also gives programs their NATS credentials.
"""
