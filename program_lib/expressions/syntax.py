"""What an expression may say: Python's syntax, and of that a whitelist.

A user writes `amount > 100 and country == 'DE'`. `parse` needs no types, so that the web server asks it about
each expression of a graph; what an expression means for columns of known types says compiler.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from program_lib.expressions.functions import FUNCTIONS, Function, no_such_function
from program_lib.expressions.literals import digits_of, exact_number, literal_value

MAX_LENGTH = 2_000  # characters; past this nobody reads an expression any more
MAX_DEPTH = 40  # levels of nesting; far below what makes Python's own parser give up
MAX_DIGITS = 38  # of a number in an expression: what DuckDB's decimals hold
NUL = "\0"


class ExpressionError(ValueError):
    """An expression that is not allowed, or not an expression; `column` is where, counted from 1."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(f"{message} (at character {column})")
        self.message = message
        self.column = column


COLUMN_FUNCTION = "col"  # col("order id"): a column whose name is no Python name
PARAMETER_FUNCTION = "param"  # param("day"): a parameter of the job
FROM_OTHER_LANGUAGES = {
    "true": "True",
    "false": "False",
    "null": "None",
    "none": "None",
    "nil": "None",
}

BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
UNARY = (ast.Not, ast.USub, ast.UAdd)
COMPARISONS = (
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.In,
    ast.NotIn,
    ast.Is,
    ast.IsNot,
)
CONSTANTS = (str, int, float, bool, type(None))
NAMES_OF_THE_REFUSED = {
    ast.Attribute: "a dot is not allowed: call a function, as in upper(name)",
    ast.Lambda: "lambda is not allowed",
    ast.NamedExpr: "':=' is not allowed",
    ast.JoinedStr: "an f-string is not allowed: join texts with +",
    ast.Dict: "a dictionary is not allowed",
    ast.Set: "a set is not allowed: write (a, b) for a list of values",
    ast.Starred: "'*' before a value is not allowed",
    ast.Await: "await is not allowed",
    ast.Yield: "yield is not allowed",
    ast.YieldFrom: "yield is not allowed",
    ast.ListComp: "a comprehension is not allowed",
    ast.SetComp: "a comprehension is not allowed",
    ast.DictComp: "a comprehension is not allowed",
    ast.GeneratorExp: "a comprehension is not allowed",
}
# How Python begins what it says of a word or a sign that may not be there
_INVALID = "invalid syntax"
_MEANT = {
    "=": "write == to compare",
    **dict.fromkeys(("<>", "!"), "write != for what differs, and not"),
    **dict.fromkeys(("&", "|", "AND", "OR", "NOT", "And", "Or", "Not"), "write and, or, not"),
}
_TEXT_FUNCTIONS = {name for name, function in FUNCTIONS.items() if function.returns == "text"}
# A text as it is written. One that nothing closes goes to the end, where Python's parser finds fault with it
_TEXT = r"""(?P<raw>[rR]?)(?P<quote>'{3}|"{3}|'|")(?P<inside>(?:\\.|(?!(?P=quote)).)*)(?:(?P=quote)|\Z)"""
_TEXTS = re.compile(_TEXT, re.DOTALL)
_TEXTS_AND_COMMENTS = re.compile(rf"{_TEXT}|(?P<comment>#[^\r\n]*)", re.DOTALL)
_OCTAL = re.compile(r"(?<!\\)(?:\\\\)*\\([0-7])")


@dataclass(frozen=True)
class Parsed:
    """An expression that may be said; `columns` and `parameters` are the names it reads, in their order."""

    text: str
    columns: tuple[str, ...]
    parameters: tuple[str, ...]
    tree: ast.expr = field(repr=False, compare=False)
    source: Source = field(repr=False, compare=False)


def parse(text: str) -> Parsed:
    """Checks what can be checked without types. Raises ExpressionError with the reason and the place."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text):,} characters, at most {MAX_LENGTH:,} are allowed",
            MAX_LENGTH + 1,
        )
    if not _one_line(text).strip():
        raise ExpressionError("the expression is empty")
    tree = _tree(text)
    source = Source(text)
    if not text.isascii():
        _name_as_written(tree, source)
    checker = _Checker(source)
    checker.check(tree)
    columns, parameters = dict.fromkeys(checker.columns), dict.fromkeys(checker.parameters)
    return Parsed(text, tuple(columns), tuple(parameters), tree, source)


class Source:
    """The text of an expression, on one line: where a part of it stands, and how it is written there."""

    def __init__(self, text: str) -> None:
        line = _one_line(text)
        self._line = line.lstrip()
        self._indent = len(line) - len(self._line)
        self._bytes = self._line.encode("utf-8")  # Python's parser counts bytes

    def error(self, message: str, node: ast.expr) -> ExpressionError:
        before = self._bytes[: node.col_offset].decode("utf-8", "replace")
        return ExpressionError(message, self._indent + len(before) + 1)

    def written(self, node: ast.expr) -> str:
        return self._between(node.col_offset, node.end_col_offset or len(self._bytes))

    def in_brackets(self, before: ast.expr, node: ast.expr) -> bool:
        """True for the value of `x in ('DE')`, of which Python's tree drops the brackets."""
        between = self._between(before.end_col_offset or 0, node.col_offset)
        return between.rstrip().endswith("(")

    def _between(self, start: int, end: int) -> str:
        return self._bytes[start:end].decode("utf-8", "replace")


def column_of(call: ast.Call) -> str | None:
    """The column that col("order id") names; None for another call."""
    return _named_by(call, COLUMN_FUNCTION)


def parameter_of(call: ast.Call) -> str | None:
    """The parameter that param("day") names; None for another call."""
    return _named_by(call, PARAMETER_FUNCTION)


def _named_by(call: ast.Call, function: str) -> str | None:
    is_it = isinstance(call.func, ast.Name) and call.func.id == function
    argument = call.args[0] if is_it and len(call.args) == 1 else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return None


def _one_line(text: str) -> str:
    """A break of line is a space: expressions may be written over several lines. So is a comment, which ends with its line.

    Places stay as they are.
    """
    plain = _TEXTS_AND_COMMENTS.sub(_without_comment, text) if "#" in text else text
    return plain.replace("\r", " ").replace("\n", " ")


def _without_comment(found: re.Match[str]) -> str:
    return found[0] if found["comment"] is None else " " * len(found[0])


def _tree(text: str) -> ast.expr:
    line = _one_line(text)
    indent = len(line) - len(line.lstrip())
    try:
        return ast.parse(line.lstrip(), mode="eval").body
    except SyntaxError as error:
        message, column = _wrong(line.strip(), error)
        raise ExpressionError(f"this is not an expression: {message}", indent + column) from None
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deeply") from None
    except ValueError as error:  # a NUL, a lone surrogate, or a number of thousands of digits
        raise ExpressionError(f"the expression cannot be read: {error}") from None


def _name_as_written(tree: ast.expr, source: Source) -> None:
    """Python's parser takes one letter for another in names, as the sign for micro, µ, for the Greek letter μ."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = source.written(node)


def _wrong(line: str, error: SyntaxError) -> tuple[str, int]:
    """What Python's parser found, in words of here, and where; it has no place for the end of a line."""
    column, end = error.offset or 0, error.end_offset or 0
    found = line[column - 1 : end - 1] if 0 < column < end else ""
    if not error.msg.startswith(_INVALID):
        return error.msg, column or 1
    if not column:
        return "it ends too early", len(line) + 1
    return _MEANT.get(found) or _unexpected(found, error.msg), column


def _unexpected(found: str, said: str) -> str:
    guess = said.removeprefix(_INVALID).lstrip(". ")  # "Perhaps you forgot a comma?"
    return guess or f"{found!r} is not expected here"


class _Checker:
    """Goes through a parsed expression, node by node; what it does not know, it refuses."""

    def __init__(self, source: Source) -> None:
        self.columns: list[str] = []
        self.parameters: list[str] = []
        self._error = source.error
        self._written = source.written
        self._depth = 0
        self._check_by_type: dict[type[ast.expr], Callable[..., None]] = {
            ast.BoolOp: self._bool,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._compare,
            ast.IfExp: self._choice,
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Call: self._call,
            ast.Tuple: self._values,
            ast.List: self._values,
            ast.Subscript: self._subscript,
        }

    def check(self, *nodes: ast.expr) -> None:
        for node in nodes:
            self._check_one(node)

    def _check_one(self, node: ast.expr) -> None:
        check_kind = self._check_by_type.get(type(node))
        if check_kind is None:
            kind = type(node).__name__
            raise self._error(NAMES_OF_THE_REFUSED.get(type(node), f"{kind} is not allowed"), node)
        if self._depth >= MAX_DEPTH:
            raise self._error("the expression is nested too deeply", node)
        self._depth += 1
        check_kind(node)
        self._depth -= 1

    def _bool(self, node: ast.BoolOp) -> None:
        self.check(*node.values)

    def _binary(self, node: ast.BinOp) -> None:
        if not isinstance(node.op, BINARY):
            raise self._error(f"the operator {type(node.op).__name__} is not allowed", node)
        if isinstance(node.op, ast.Mult):
            self._refuse_repetition(node)
        self.check(node.left, node.right)

    def _refuse_repetition(self, node: ast.BinOp) -> None:
        for side in (node.left, node.right):
            if _is_text(side) or isinstance(side, (ast.Tuple, ast.List)):
                raise self._error("text or a list cannot be multiplied", side)

    def _unary(self, node: ast.UnaryOp) -> None:
        if not isinstance(node.op, UNARY):
            raise self._error(f"the operator {type(node.op).__name__} is not allowed", node)
        self.check(node.operand)

    def _compare(self, node: ast.Compare) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, COMPARISONS):
                raise self._error(f"the comparison {type(operator).__name__} is not allowed", node)
            if isinstance(operator, (ast.Is, ast.IsNot)) and not is_none(right):
                raise self._error("'is' compares with None only: write ==", right)
        self.check(node.left, *node.comparators)

    def _choice(self, node: ast.IfExp) -> None:
        self.check(node.test, node.body, node.orelse)

    def _constant(self, node: ast.Constant) -> None:
        if type(node.value) not in CONSTANTS:
            kind = type(node.value).__name__
            raise self._error(f"a value of type {kind} is not allowed", node)
        if isinstance(node.value, str):
            self._check_text(node, node.value)
        elif not isinstance(node.value, bool) and isinstance(node.value, (int, float)):
            self._check_digits(node, node.value)

    def _check_text(self, node: ast.expr, text: str) -> None:
        if NUL in text:
            raise self._error("a text with the character NUL (\\0) is not allowed", node)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self._error(
                "a text with half a character (\\ud800 to \\udfff) is not allowed", node
            )
        self._check_meant(node)

    def _check_meant(self, node: ast.expr) -> None:
        """Refuses what Python reads otherwise than people mean it, without a word: 'a' 'b' is one text, '\\1' a character."""
        first, *others = _TEXTS.finditer(self._written(node))
        if others:
            raise self._error(
                'two texts stand side by side: write a comma or a + between them, and a quote in a text as in "it\'s"',
                node,
            )
        if not first["raw"] and (octal := _OCTAL.search(first["inside"])):
            raise self._error(
                f"\\{octal[1]} in a text is a character by its number: write \\\\{octal[1]} for the \\ itself",
                node,
            )

    def _check_digits(self, node: ast.expr, value: float) -> None:
        """Refuses a number that no decimal of 38 digits holds."""
        try:
            number = Decimal(value) if isinstance(value, int) else exact_number(self._written(node))
        except InvalidOperation:  # an exponent of twenty digits
            number = Decimal("1e99")
        if sum(digits_of(number)) > MAX_DIGITS:
            raise self._error(
                f"a number has at most {MAX_DIGITS} digits here: write float('1e300') for others",
                node,
            )

    def _name(self, node: ast.Name) -> None:
        if node.id in FROM_OTHER_LANGUAGES:
            raise self._error(f"'{node.id}' is written {FROM_OTHER_LANGUAGES[node.id]} here", node)
        self.columns.append(node.id)

    def _call(self, node: ast.Call) -> None:
        if not isinstance(node.func, ast.Name):
            raise self._error("only functions can be called, as in upper(name)", node)
        if node.keywords:
            raise self._error("arguments have no names here", node.keywords[0].value)
        name = node.func.id
        if name == COLUMN_FUNCTION:
            self._column_call(node)
            return
        if name == PARAMETER_FUNCTION:
            self._parameter_call(node)
            return
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._error(no_such_function(name), node)
        self._check_arguments(node, name, function)
        self.check(*node.args)

    def _column_call(self, node: ast.Call) -> None:
        column = column_of(node)
        if column is None:
            raise self._error('col takes the name of a column, as in col("order id")', node)
        self._check_text(node.args[0], column)
        self.columns.append(column)

    def _parameter_call(self, node: ast.Call) -> None:
        parameter = parameter_of(node)
        if parameter is None:
            raise self._error(
                'param takes the name of a parameter of the job, as in param("day")', node
            )
        self._check_text(node.args[0], parameter)
        self.parameters.append(parameter)

    def _check_arguments(self, node: ast.Call, name: str, function: Function) -> None:
        if not function.least <= len(node.args) <= function.most:
            raise self._error(
                f"{name} has {len(node.args)} arguments; it is used as {function.signature}: {function.help}",
                node,
            )
        for place, given in enumerate(node.args):
            argument = function.argument(place)
            wrong = argument.literal_error(literal_value(given))
            if wrong is not None:
                raise self._error(f"the {argument.name} of {name} {wrong}", given)

    def _values(self, node: ast.Tuple | ast.List) -> None:
        self.check(*node.elts)

    def _subscript(self, node: ast.Subscript) -> None:
        self.check(node.value)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            self.check(*(part for part in parts if part is not None))
        else:
            self.check(node.slice)


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in _TEXT_FUNCTIONS
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and (_is_text(node.left) or _is_text(node.right))
    )
