"""The stations of scripts/soak: the product, its work, its watchers, the faults, and the account."""
