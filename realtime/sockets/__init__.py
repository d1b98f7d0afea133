"""WebSockets (RFC 6455): the handshake, frames, codes of their end, and one accepted connection."""
