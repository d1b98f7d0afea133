"""How the server tells what it takes and answers: OpenAPI for HTTP, AsyncAPI for the WebSocket and NATS."""
