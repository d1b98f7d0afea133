"""The part of the stand-in that programs read."""
