"""What nodes of a run gave, as it was kept: looked at, and begun again from."""
