"""The database: jobs, runs and the last state of each node. What it does not hold has not happened.

`records` are what it gives (frozen), `tables` what SQL sees, `store` the only door. In runs/ is what concerns runs alone, such as
the law of their states; in connections/, how a database is reached; in webhooks/, what is owed to receivers.
"""
