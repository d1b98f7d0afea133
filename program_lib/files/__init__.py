"""Files that a program opens and writes, whatever is in them: which it may, packed ones, many at once, and those that appear when complete."""
