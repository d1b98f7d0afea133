"""What a terminal shows of a text. Pure."""

import re

ESCAPE = "\x1b"
# Colours and movements (ESC [ … m), titles and links (ESC ] … BEL), and the short ones; also one that is cut at the text's end
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|\Z)|\][^\x07\x1b]*(?:\x07|\x1b\\|\Z)|[ -/]*[0-Z\\^-~])?"
)


def as_shown(text: str) -> str:
    """The text without colours; of a line that was written over, as a bar draws itself, what was written last."""
    return "\n".join(map(_written_last, _SEQUENCE.sub("", text).split("\n")))


def _written_last(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
