"""What starts the product and keeps it alive: launcher, preparation, lifeline and supervisor; the sample; for tests, the whole on free ports."""
