"""Expressions of filter and map nodes: checked against a whitelist, and compiled to Python source.

A user writes `amount > 100 and country == 'DE'`. That text never enters a generated program. Instead it is parsed,
each node of its tree is checked, each name becomes a lookup in the row, each call must be one of `FUNCTIONS`, and the
tree becomes source again. Operations whose result could grow without bound (powers, products, `%`) call guards.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from jobs.graph.literals import literal

MAX_LENGTH = 2_000  # characters; nobody reads a longer expression
MAX_DEPTH = 40  # levels of nesting; Python's parser fails at far more
MAX_ROUND_DIGITS = 20  # round(1, -10**9) would compute a number of a billion digits


class ExpressionError(ValueError):
    """An expression that is not allowed, or not Python. `column` is the position, counted from 1."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(f"{message} (at character {column})")
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: its Python source over `row`, the columns it reads, the guards it calls."""

    text: str
    code: str
    columns: tuple[str, ...]
    helpers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call: how many arguments it takes, and what it does."""

    least: int
    most: int
    help: str
    helper: bool = False  # True: defined in the generated program; False: Python's own
    gives_number: bool = False


# Characters; a longer unknown name is no typing error, and is not compared with ours
MAX_FUNCTION_NAME = 40
MANY = 20  # most arguments of a function that takes any number

FUNCTIONS = {
    "abs": Function(1, 1, "abs(x): x without its sign", gives_number=True),
    "coalesce": Function(1, MANY, "coalesce(a, b, …): the first that is not None", helper=True),
    "ends_with": Function(2, 2, "ends_with(text, end): True or False", helper=True),
    "float": Function(1, 1, "float(x): x as a number with a fraction", gives_number=True),
    "int": Function(1, 1, "int(x): x as a whole number", gives_number=True),
    "len": Function(1, 1, "len(text): how many characters", gives_number=True),
    "lower": Function(1, 1, "lower(text): in small letters", helper=True),
    "max": Function(2, MANY, "max(a, b, …): the largest"),
    "min": Function(2, MANY, "min(a, b, …): the smallest"),
    "replace": Function(3, 3, "replace(text, old, new): each old replaced by new", helper=True),
    "round": Function(1, 2, "round(x, digits): x rounded", gives_number=True),
    "starts_with": Function(2, 2, "starts_with(text, start): True or False", helper=True),
    "str": Function(1, 1, "str(x): x as text"),
    "strip": Function(1, 1, "strip(text): without spaces around it", helper=True),
    "upper": Function(1, 1, "upper(text): in capital letters", helper=True),
}
# A placeholder. It cannot be a user's name, since a compiled expression holds none.
_PIECE = re.compile(r"\bpiece_(\d+)\b")
COLUMN_FUNCTION = "col"  # col("order id"): a column whose name is no Python name
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


def check_expression(text: str) -> Expression:
    """Check an expression and compile it. Raises ExpressionError with the reason and the position."""
    if not text.strip():
        raise ExpressionError("the expression is empty")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text):,} characters, at most {MAX_LENGTH:,} are allowed",
            MAX_LENGTH + 1,
        )
    tree = _parse(text)
    compiler = _Compiler(text)
    source = ast.unparse(compiler.compile(tree.body))
    return Expression(
        text=text,
        code=compiler.with_pieces(source),
        columns=tuple(dict.fromkeys(compiler.columns)),
        helpers=frozenset(compiler.helpers),
    )


def _parse(text: str) -> ast.Expression:
    # Expressions may be written over several lines. A line break becomes a space, so positions stay the same.
    line = text.replace("\r", " ").replace("\n", " ")
    indent = len(line) - len(line.lstrip())
    try:
        return ast.parse(line.lstrip(), mode="eval")
    except SyntaxError as error:
        raise ExpressionError(_syntax_message(line, error), indent + (error.offset or 1)) from None
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deeply") from None
    except ValueError as error:  # a NUL, a lone surrogate, thousands of digits
        raise ExpressionError(f"the expression cannot be read: {error}") from None


def _syntax_message(line: str, error: SyntaxError) -> str:
    if "==" not in line and "=" in line:
        return "this is not an expression: write == to compare"
    if "&&" in line or "||" in line:
        return "this is not an expression: write and, or, not"
    return f"this is not an expression: {error.msg}"


class _Compiler:
    """Turns a parsed expression into one over `row`, node by node. It refuses each node that it does not know."""

    def __init__(self, text: str) -> None:
        self.columns: list[str] = []
        self.helpers: set[str] = set()
        self._pieces: list[str] = []
        self._indent = len(text) - len(text.lstrip())
        self._line = text.lstrip().replace("\r", " ").replace("\n", " ")
        self._depth = 0
        self._compile_by_type: dict[type[ast.expr], Callable[..., ast.expr]] = {
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

    def compile(self, node: ast.expr) -> ast.expr:
        compile_one = self._compile_by_type.get(type(node))
        if compile_one is None:
            kind = type(node).__name__
            raise self._error(NAMES_OF_THE_REFUSED.get(type(node), f"{kind} is not allowed"), node)
        if self._depth >= MAX_DEPTH:
            raise self._error("the expression is nested too deeply", node)
        self._depth += 1
        compiled = compile_one(node)
        self._depth -= 1
        return compiled

    def with_pieces(self, source: str) -> str:
        """Replaces the placeholders in the source of the compiled tree by their pieces."""
        return _PIECE.sub(lambda found: self._pieces[int(found[1])], source)

    def _piece(self, source: str) -> ast.expr:
        """A placeholder for source that is written here: a text as `literal` writes it, or a column's value."""
        self._pieces.append(source)
        return ast.Name(f"piece_{len(self._pieces) - 1}", ast.Load())

    def _error(self, message: str, node: ast.expr) -> ExpressionError:
        before = self._line.encode("utf-8")[: node.col_offset].decode("utf-8", "replace")
        return ExpressionError(message, self._indent + len(before) + 1)

    def _bool(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self.compile(value) for value in node.values])

    def _binary(self, node: ast.BinOp) -> ast.expr:
        if not isinstance(node.op, BINARY):
            raise self._error(f"the operator {type(node.op).__name__} is not allowed", node)
        if isinstance(node.op, ast.Mult):
            self._refuse_repetition(node)
        left, right = self.compile(node.left), self.compile(node.right)
        guard = _guard_for(node)
        if guard:
            return self._helper_call(guard, [left, right])
        return ast.BinOp(left, node.op, right)

    def _refuse_repetition(self, node: ast.BinOp) -> None:
        for side in (node.left, node.right):
            if _is_text(side) or isinstance(side, (ast.Tuple, ast.List)):
                raise self._error("text or a list cannot be multiplied", side)

    def _unary(self, node: ast.UnaryOp) -> ast.expr:
        if not isinstance(node.op, UNARY):
            raise self._error(f"the operator {type(node.op).__name__} is not allowed", node)
        return ast.UnaryOp(node.op, self.compile(node.operand))

    def _compare(self, node: ast.Compare) -> ast.expr:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, COMPARISONS):
                raise self._error(f"the comparison {type(operator).__name__} is not allowed", node)
            if isinstance(operator, (ast.Is, ast.IsNot)) and not _is_none(right):
                raise self._error("'is' compares with None only: write ==", right)
        return ast.Compare(
            self.compile(node.left), node.ops, [self.compile(right) for right in node.comparators]
        )

    def _choice(self, node: ast.IfExp) -> ast.expr:
        return ast.IfExp(
            self.compile(node.test), self.compile(node.body), self.compile(node.orelse)
        )

    def _constant(self, node: ast.Constant) -> ast.expr:
        if type(node.value) not in CONSTANTS:
            kind = type(node.value).__name__
            raise self._error(f"a value of type {kind} is not allowed", node)
        is_text = isinstance(node.value, str)
        return self._piece(literal(node.value)) if is_text else ast.Constant(node.value)

    def _name(self, node: ast.Name) -> ast.expr:
        if node.id in FROM_OTHER_LANGUAGES:
            raise self._error(f"'{node.id}' is written {FROM_OTHER_LANGUAGES[node.id]} here", node)
        return self._lookup(node.id)

    def _lookup(self, column: str) -> ast.expr:
        self.columns.append(column)
        return self._piece(f"row[{literal(column)}]")

    def _call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name):
            raise self._error("only functions can be called, as in upper(name)", node)
        if node.keywords:
            raise self._error("arguments have no names here", node.keywords[0].value)
        name = node.func.id
        if name == COLUMN_FUNCTION:
            return self._column_call(node)
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._error(_no_such_function(name), node)
        self._check_arguments(node, name, function)
        arguments = [self.compile(argument) for argument in node.args]
        if function.helper:
            return self._helper_call(name, arguments)
        return ast.Call(ast.Name(name, ast.Load()), arguments, [])

    def _column_call(self, node: ast.Call) -> ast.expr:
        argument = node.args[0] if len(node.args) == 1 else None
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise self._error('col takes the name of a column, as in col("order id")', node)
        return self._lookup(argument.value)

    def _check_arguments(self, node: ast.Call, name: str, function: Function) -> None:
        if not function.least <= len(node.args) <= function.most:
            raise self._error(
                f"{name} has {len(node.args)} arguments; it is used as {function.help}", node
            )
        if name == "round" and len(node.args) == 2 and not _is_small_integer(node.args[1]):
            raise self._error(
                f"the digits of round are a number between -{MAX_ROUND_DIGITS} and {MAX_ROUND_DIGITS}",
                node.args[1],
            )

    def _helper_call(self, name: str, arguments: list[ast.expr]) -> ast.expr:
        self.helpers.add(name)
        return ast.Call(ast.Name(name, ast.Load()), arguments, [])

    def _values(self, node: ast.Tuple | ast.List) -> ast.expr:
        return ast.Tuple([self.compile(value) for value in node.elts], ast.Load())

    def _subscript(self, node: ast.Subscript) -> ast.expr:
        return ast.Subscript(self.compile(node.value), self._index(node.slice), ast.Load())

    def _index(self, node: ast.expr) -> ast.expr:
        if not isinstance(node, ast.Slice):
            return self.compile(node)
        parts = (node.lower, node.upper, node.step)
        return ast.Slice(*[part and self.compile(part) for part in parts])


def _guard_for(node: ast.BinOp) -> str | None:
    """The helper that bounds this operation's result; None for operations that need no bound."""
    if isinstance(node.op, ast.Pow):
        return "power"
    if isinstance(node.op, ast.Mult) and not (_is_number(node.left) and _is_number(node.right)):
        return "times"
    if isinstance(node.op, ast.Mod) and not _is_number(node.left):
        return "remainder"
    return None


def _is_number(node: ast.expr) -> bool:
    """True when the result is a number or an error for every row, and never text."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    if isinstance(node, ast.BinOp):
        return not isinstance(node.op, ast.Add) or (_is_number(node.left) or _is_number(node.right))
    if isinstance(node, ast.UnaryOp):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = FUNCTIONS.get(node.func.id)
        return function is not None and function.gives_number
    return False


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"str", "upper", "lower", "strip", "replace"}
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and (_is_text(node.left) or _is_text(node.right))
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_small_integer(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return (
        isinstance(node, ast.Constant)
        and type(node.value) is int
        and node.value <= MAX_ROUND_DIGITS
    )


def _no_such_function(name: str) -> str:
    if len(name) > MAX_FUNCTION_NAME:
        return f"there is no function '{name[:MAX_FUNCTION_NAME]}…'"
    close = difflib.get_close_matches(name.lower(), FUNCTIONS, n=1)
    if close:
        return f"there is no function '{name}'; did you mean {close[0]}?"
    return f"there is no function '{name}'; there are {', '.join(sorted(FUNCTIONS))}"
