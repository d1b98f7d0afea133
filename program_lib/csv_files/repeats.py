"""Repeats that give nothing back once they have taken it, in each Python that we run on. Pure."""

import itertools
import sys

# Before, the parts of (?:…)*+ were matched wrongly where one could match in several ways (CPython's gh-106052)
HAS_POSSESSIVE = sys.version_info >= (3, 11, 5)

_numbers = itertools.count(1)


def repeated(part: bytes) -> bytes:
    """A pattern for any number of parts, as many as there are.

    For older Pythons it holds a named group, so that groups of the pattern around it have names, and no two patterns of this
    stand for each other: call it for each place.
    """
    if HAS_POSSESSIVE:
        return rb"(?:%s)*+" % part
    name = b"repeat%d" % next(_numbers)
    return rb"(?=(?P<%s>(?:%s)*))(?P=%s)" % (name, part, name)
