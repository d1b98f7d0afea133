"""What a runner does: it executes runs, ends lost ones, queues waiting ones again, and makes previews.

It also gives programs their NATS credentials, moves files for web servers on other machines, and deletes what is old.
"""
