"""What the files of a split output are called: each value makes a name that no other value makes. Pure."""

from __future__ import annotations

PLACE = "*"  # in the path, where value and number stand
NULL_NAME, EMPTY_NAME = "__NULL__", "__EMPTY__"
LONGEST_VALUE, LONGEST_NAME = 100, 200  # bytes of what stands for a value, and of a file's name
_PLAIN = "-_. "


def place_error(path: str) -> str | None:
    """Why the path of a split output is none; None where it has its one place."""
    *folders, name = path.split("/")
    if any(sign in folder for folder in folders for sign in "*?"):
        return "holds * or ? in a directory: the files lie in one directory, which is there"
    if name.count(PLACE) != 1 or "?" in name:
        return "must hold one * in its name, where a file's value or number stands: orders-*.csv"
    return None


def is_meant(name: str, pattern: str) -> bool:
    """Whether the name may be one of a split output's files; `pattern` is the name in its path."""
    begin, _, end = pattern.partition(PLACE)
    is_long_enough = len(name) > len(begin) + len(end)
    return (
        is_long_enough
        and name.startswith(begin)
        and name.endswith(end)
        and not name.startswith(".")
    )


def value_name(text: str | None) -> str:
    """What stands for a value: letters, digits and - _ . as they are, anything else as %2F. Raises ValueError."""
    if text is None:
        return NULL_NAME
    if not text:
        return EMPTY_NAME
    name = "".join(letter if _is_plain(letter) else _escaped(letter) for letter in text)
    if name.startswith("__"):  # as those of NULL and the empty text do
        name = f"%5F{name[1:]}"
    if name[0] in ". ":
        name = _escaped(name[0]) + name[1:]
    if name[-1] in ". ":
        name = name[:-1] + _escaped(name[-1])
    if len(name.encode()) > LONGEST_VALUE:
        raise ValueError(
            f"the value takes {len(name.encode())} bytes in a file's name, at most {LONGEST_VALUE} are allowed"
        )
    return name


def _is_plain(letter: str) -> bool:
    return letter in _PLAIN or letter.isalnum()


def _escaped(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode())


def file_name(path: str, value: str | None, number: int | None) -> str:
    """The path of a file, of what stands for its value, if any, and its number from 1 on, if any."""
    parts = [value] if value is not None else []
    if number is not None:
        parts.append(f"{number:04}")
    return path.replace(PLACE, "-".join(parts))
