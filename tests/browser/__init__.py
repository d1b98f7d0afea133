"""The page in Chromium, against the real product."""
