"""PostgreSQL: rows come and go by COPY."""
