"""scripts/run: what is made and checked before the product serves, and what its terminal shows."""
