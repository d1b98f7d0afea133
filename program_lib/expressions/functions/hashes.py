"""Functions that hash and encode texts. A text is taken as UTF-8."""

from __future__ import annotations

import re
from collections.abc import Sequence

from program_lib.expressions.functions.function import (
    A_TEXT,
    BYTES_TOO,
    TEXTS,
    Argument,
    Compile,
    Function,
    Literal,
    guarded,
    plain,
    text_literal_of,
)
from program_lib.expressions.quoting import case, cast, let, quoted
from program_lib.expressions.terms import Term, any_fails
from program_lib.types import TEXT, UUID, Kind

_X = Argument("x", BYTES_TOO)
_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_HEX = "(?:[0-9A-Fa-f]{2})*"
_URL = "(?:[^%]|%[0-9A-Fa-f]{2})*"
_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_VARIANTS = "89ab"  # what the first digit of a UUID's fourth group may be


def _bytes(term: Term) -> str:
    return term.sql if term.kind is Kind.BYTES else f"encode({term.sql})"


def _encoded(template: str) -> Compile:
    """The template holds {0} for the bytes."""
    return lambda terms: Term(template.format(_bytes(terms[0])), TEXT, may_fail=any_fails(terms))


def _decoded(form: str, template: str, called: str) -> Compile:
    """Fails where the text is not of that form: DuckDB would take some of what is none."""

    def compiled(terms: Sequence[Term]) -> Term:
        return guarded(
            TEXT,
            f"this is not {called}: ",
            lambda text: f"NOT regexp_full_match({text}, {quoted(form)})",
            lambda text: template.format(text),
            terms[0].sql,
            shown=0,
        )

    return compiled


def namespace_error(namespace: str | int) -> str | None:
    if isinstance(namespace, str) and _UUID.fullmatch(namespace):
        return None
    return f"must be a uuid, as '6ba7b810-9dad-11d1-80b4-00c04fd430c8', not {namespace!r:.60}"


def _uuid5(terms: Sequence[Term]) -> Term:
    """As RFC 9562 says: of a SHA-1, with the version and the variant in their places."""
    space = quoted(text_literal_of(terms[0]).replace("-", ""))
    digest = f"sha1(unhex({space}) || encode({terms[1].sql}))"

    def body(digest: str) -> str:
        sixteen = f"strpos('0123456789abcdef', substring({digest}, 17, 1))"
        variant = f"substring('{_VARIANTS * 4}', {sixteen}, 1)"
        groups = (
            f"substring({digest}, 1, 8)",
            f"substring({digest}, 9, 4)",
            f"'5' || substring({digest}, 14, 3)",
            f"{variant} || substring({digest}, 18, 3)",
            f"substring({digest}, 21, 12)",
        )
        return case((f"{digest} IS NULL", "NULL"), otherwise=" || '-' || ".join(groups))

    return Term(cast(let(body, digest), UUID), UUID, may_fail=any_fails(terms))


_NAMESPACE = Argument("namespace", TEXTS, literal=Literal("a uuid", namespace_error))

FUNCTIONS = (
    Function("md5", (_X,), "text", "The MD5 hash, as 32 hexadecimal digits.", "md5('a')", "'0cc175b9c0f1b6a831c399e269772661'", plain("md5({0})", TEXT), also=("hash", "checksum")),
    Function("sha1", (_X,), "text", "The SHA-1 hash, as 40 hexadecimal digits.", "sha1('a')", "'86f7e437faa5a7fce15d1ddcb9eaeaea377667b8'", plain("sha1({0})", TEXT), also=("sha",)),
    Function("sha256", (_X,), "text", "The SHA-256 hash, as 64 hexadecimal digits.", "left(sha256('a'), 8)", "'ca978112'", plain("sha256({0})", TEXT), also=("sha2",)),
    Function("uuid5", (_NAMESPACE, A_TEXT), "uuid", "The uuid that belongs to a text in a namespace: the same text always gets the same.", "str(uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'example.com'))", "'cfbff0d1-9375-5685-968c-48ce8b15ae17'", _uuid5, also=("uuid", "uuid_generate_v5", "surrogate_key", "generate_surrogate_key", "guid")),
    Function("base64_encode", (_X,), "text", "As Base64.", "base64_encode('ñ')", "'w7E='", _encoded("to_base64({0})"), also=("to_base64", "btoa")),
    Function("base64_decode", (A_TEXT,), "text", "The text that Base64 says; what is none, or no UTF-8, fails.", "base64_decode('w7E=')", "'ñ'", _decoded(_BASE64, "decode(from_base64({0}))", "Base64"), also=("from_base64", "decode64", "atob")),
    Function("hex_encode", (_X,), "text", "As hexadecimal digits, in small letters.", "hex_encode('ñ')", "'c3b1'", _encoded("lower(hex({0}))"), also=("hex", "to_hex")),
    Function("hex_decode", (A_TEXT,), "text", "The text that hexadecimal digits say; what is none, or no UTF-8, fails.", "hex_decode('C3B1')", "'ñ'", _decoded(_HEX, "decode(unhex({0}))", "hexadecimal"), also=("unhex", "from_hex")),
    Function("url_encode", (A_TEXT,), "text", "As part of a URL: what is not a letter, a digit or one of - _ . ~ becomes %XX.", "url_encode('a b/ñ')", "'a%20b%2F%C3%B1'", plain("url_encode({0})", TEXT), also=("encodeuricomponent", "urlencode")),
    Function("url_decode", (A_TEXT,), "text", "The text that part of a URL says; a % that two digits do not follow fails.", "url_decode('a%20b')", "'a b'", _decoded(_URL, "url_decode({0})", "part of a URL"), also=("decodeuricomponent", "urldecode")),
)  # fmt: skip
