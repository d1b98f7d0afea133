"""What a runner does: it executes runs, ends lost ones, queues waiting ones again, and makes previews.

It also gives programs their NATS credentials, moves files for web servers on other machines, and deletes what is old.

- execution/: one run, from its start to its end
- sweeps/: what is looked for again and again in all runs
- files/: what web servers ask of files on this machine
"""
