"""What a service answered, and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from program_lib.errors import ProgramError, shortened
from program_lib.http_service.patience import Temporary
from program_lib.ndjson_files.objects import EndsEarly, NotAnObject, elements, members, text_of
from program_lib.network.urls import Url
from program_lib.notation.json_paths import Step, path_text
from program_lib.types import listed

NO_CONTENT = 204
READ_PACKINGS = ("", "identity", "gzip", "x-gzip", "deflate")  # as Content-Encoding names them
MAX_SHOWN = 200  # characters of an answer in a message
_BOM = b"\xef\xbb\xbf"
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s;,=]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*))", re.IGNORECASE)


class Missing(LookupError):
    """A path leads to nothing; the text says what is there instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body, and where it came from after redirects."""

    url: Url
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # by names in any case

    def value(self, path: Sequence[Step]) -> bytes:
        """What stands at a path, as it is written. Raises Missing, and NotAnObject for what is no JSON."""
        found = self.body.removeprefix(_BOM).strip()
        steps = list(path)
        while steps:
            whole = _joined(found, steps)
            where = path_text(tuple(path[: len(path) - len(steps)]))
            found = _stepped(found, whole or steps[0], where)
            del steps[: 2 if whole else 1]
        return found

    def text(self, path: Sequence[Step]) -> str | None:
        """The text or number at a path; None where it is missing, null, false or empty. Raises ProgramError for more."""
        try:
            found = self.value(path)
        except Missing:
            return None
        where = path_text(tuple(path))
        if found[:1] in (b"{", b"[") or found == b"true":
            raise ProgramError(f"{where} is {_kind(found)}, where a text or a number was expected")
        return None if found == b"false" else text_of(found) or None

    def has(self, path: Sequence[Step]) -> bool:
        """Whether anything but null stands at a path."""
        try:
            return self.value(path) != b"null"
        except Missing:
            return False

    def flag(self, path: Sequence[Step]) -> bool:
        """What is true or false at a path. Raises ProgramError for anything else."""
        try:
            found = self.value(path)
        except Missing as error:
            raise ProgramError(f"{error}, where true or false was expected") from None
        if found not in (b"true", b"false"):
            where = path_text(tuple(path))
            raise ProgramError(f"{where} is {_kind(found)}, where true or false was expected")
        return found == b"true"

    def rows(self, path: Sequence[Step]) -> list[bytes]:
        """The elements of the list at a path; none where null stands there, or nothing was to be told.

        Raises ProgramError; Temporary where the answer ends before its JSON does, which not every connection that breaks tells.
        """
        if self.status == NO_CONTENT:
            return []
        if not self.value(()):
            raise Temporary(self._no_list(b"", "$"))
        try:
            found = self.value(path)
            if found == b"null":
                return []
            if found[:1] == b"[":
                return [bytes(row) for row in elements(found)]
        except Missing as error:
            raise ProgramError(f"{error}: Rows names where the list of rows is") from None
        except EndsEarly as error:
            raise self._ends_early() from error
        except NotAnObject as error:
            raise ProgramError(f"the answer {error}. It begins {self.beginning()}") from None
        raise ProgramError(self._no_list(found, path_text(tuple(path))))

    def _ends_early(self) -> Temporary:
        size = len(self.body)
        return Temporary(
            f"the answer of {self.url.shown} ends after {size:,} bytes, in the midst of its JSON"
        )

    def _no_list(self, found: bytes, where: str) -> str:
        kind = _kind(found)
        if kind == "an object":
            inside = f" with {listed(members(found)) or 'no members'}"
            how = "Rows names where the list is, as in data.items"
        else:
            inside, how = "", f"the answer begins {self.beginning()}"
        return f"{where} is {kind}{inside}, where a list of rows was expected: {how}"

    def header(self, name: str) -> str:
        """The text of a header, "" where there is none: read as ISO 8859-1, while services write UTF-8."""
        text = self.headers.get(name, "")
        try:
            return text.encode("latin-1").decode()
        except UnicodeError:
            return text

    def next_link(self) -> str | None:
        """The address that the header Link names as the next page."""
        for target, parameters in _LINK.findall(self.header("Link")):
            relations = " ".join("".join(found) for found in _RELATION.findall(parameters))
            if "next" in relations.lower().split():
                return str(target).strip() or None
        return None

    def beginning(self) -> str:
        """How the body begins, for a message."""
        return repr(shortened(self.body[: 4 * MAX_SHOWN].decode(errors="replace"), MAX_SHOWN))

    def check_utf8(self) -> None:
        """Raises ProgramError for a body in another encoding than JSON's, Temporary for one that ends within a character."""
        if self.body.isascii():
            return
        try:
            self.body.decode()
        except UnicodeDecodeError as error:
            if (packing := self.header("Content-Encoding").lower()) not in READ_PACKINGS:
                raise ProgramError(
                    f"the answer is packed by {packing[:MAX_SHOWN]!r}, though gzip was asked for, which alone is read"
                ) from None
            if error.reason == "unexpected end of data":
                raise self._ends_early() from error
            raise ProgramError(
                f"the answer holds 0x{self.body[error.start]:02x}, which is not UTF-8, as JSON is"
            ) from None


def _joined(found: bytes, steps: Sequence[Step]) -> str | None:
    """The name of a member with a point in it, such as @odata.nextLink, which people write as two steps."""
    first, second = (*steps, None)[:2]
    if not isinstance(first, str) or not isinstance(second, str) or found[:1] != b"{":
        return None
    inside, whole = members(found), f"{first}.{second}"
    return whole if whole in inside and first not in inside else None


def _stepped(found: bytes, step: Step, where: str) -> bytes:
    if isinstance(step, str):
        if found[:1] != b"{":
            raise Missing(f"{where} is {_kind(found)}, and has no member {step!r}")
        inside = members(found)
        if step not in inside:
            raise Missing(f"{where} has no member {step!r}; it has {listed(inside) or 'none'}")
        return bytes(inside[step])
    if found[:1] != b"[":
        raise Missing(f"{where} is {_kind(found)}, and has no element {step}")
    inside_list = elements(found)
    if not -len(inside_list) <= step < len(inside_list):
        raise Missing(f"{where} has {len(inside_list)} elements, and no element {step}")
    return bytes(inside_list[step])


def _kind(written: bytes) -> str:
    if not written:
        return "nothing"
    if written in (b"null", b"true", b"false"):
        return written.decode()
    kinds = {b"{": "an object", b"[": "a list", b'"': "a text"}
    is_number = written[:1] in b"-0123456789"
    return kinds.get(written[:1], "a number" if is_number else "no JSON")
