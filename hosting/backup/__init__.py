"""A backup of all that a server keeps, made while it works, and its return into an empty DATA_DIR.

    scripts/backup [FILE]       the archive; without a name backup-<date>-<time>.tar.gz
    scripts/restore FILE        into the DATA_DIR and DATABASE_URL of the environment, which must be empty

The archive holds the database, the secrets, the files of runs, and DATA_DIR's data. It does not hold what the embedded
nats-server keeps: live counts of the last day, which the database knows the ends of. Data roots outside DATA_DIR are the
operator's own.
"""
