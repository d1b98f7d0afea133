"""The whole installation of docs/operate.md on loopback: three nats-servers, PostgreSQL, two web servers, two runners, nginx."""
