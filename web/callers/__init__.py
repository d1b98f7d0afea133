"""Who is asking: tokens, sessions and their cookies, and what a token is limited to."""
