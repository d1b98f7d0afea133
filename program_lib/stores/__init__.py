"""Object stores (S3-compatible) that an operator has named as connections: s3://CONNECTION/path. Imports nothing at start."""
