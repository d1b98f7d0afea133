"""Graphs that cost as much as their size allows: each within MAX_BODY_BYTES and the bounds of a graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jobs.graph.fields.checks import MAX_COLUMNS, MAX_NAME
from settings.shared import MAX_EDGES, MAX_NODES

Document = dict[str, Any]

EVERYTHING = 10_000_000  # characters or entries: as many as a body holds
BODY = 1_000_000  # bytes; MAX_BODY_BYTES is 1 MiB, and the rest of a body needs some


def made(nodes: list[Document], edges: list[tuple[int, int]]) -> Document:
    """A graph document, as large as a body may be at most."""
    document = {
        "nodes": nodes,
        "edges": [{"from": source, "to": target} for source, target in edges],
    }
    assert len(json.dumps(document)) <= BODY
    return document


def node(node_id: int, kind: str, **config: Any) -> Document:
    return {"id": node_id, "type": kind, "name": "n", "config": config}


def chained(middle: list[Document]) -> Document:
    """Source, the nodes (ids from 2 on), output: valid when they are."""
    last = len(middle) + 2
    source = node(1, "csv_input", path="a.csv")
    output = node(last, "csv_output", path="b.csv")
    return made([source, *middle, output], [(n, n + 1) for n in range(1, last)])


def filled(make: Callable[[int], Document], most: int = MAX_NODES - 2) -> Document:
    """A chain of as many of these nodes as a body holds."""
    room, middle = BODY - 30_000, []
    for node_id in range(2, most + 2):
        one = make(node_id)
        room -= len(json.dumps(one)) + 20
        if room < 0:
            break
        middle.append(one)
    return chained(middle)


def maps(expression: Callable[[int, int], str], each: int, room: int) -> Document:
    """Map nodes that compute `each` columns; all expressions together fit into `room` characters."""
    left = room

    def column(node_id: int, n: int) -> Document | None:
        nonlocal left
        text = expression(node_id, n)
        left -= len(text)
        return {"column": f"c{n}", "expression": text} if left >= 0 else None

    def one(node_id: int) -> Document:
        columns = [found for n in range(each) if (found := column(node_id, n))]
        return node(node_id, "map", columns=columns)

    return filled(one)


def keeps(names: Callable[[int], list[str]], room: int) -> Document:
    """Map nodes that keep columns; all lists together have `room` entries at most."""
    left = room

    def one(node_id: int) -> Document:
        nonlocal left
        kept = names(node_id)[:left]
        left -= len(kept)
        return node(node_id, "map", keep=kept)

    return filled(one)


def long(piece: str, between: str = " and ", length: int = 1_990) -> str:
    """As many of a piece as an expression holds."""
    count = (length + len(between)) // (len(piece) + len(between))
    return between.join([piece] * count)


def _dense_cycles() -> Document:
    """Pairs that lead to each other: each a cycle of its own."""
    nodes = [node(n, "map") for n in range(1, MAX_NODES + 1)]
    pairs = [(n, n + 1) for n in range(1, MAX_NODES, 2)] + [
        (n + 1, n) for n in range(1, MAX_NODES, 2)
    ]
    return made(nodes, pairs)


def _many_edges(backward: bool) -> Document:
    nodes = [node(n, "map") for n in range(1, MAX_NODES + 1)]
    pairs = [
        (low, high)
        for distance in range(1, 8)
        for low in range(1, MAX_NODES - 7)
        for high in [low + distance]
    ][: MAX_EDGES - backward]
    return made(nodes, pairs + ([(pairs[-1][1], 1)] if backward else []))


def _wide() -> Document:
    """Two cycles that meet all others."""
    nodes = [node(n, "map") for n in range(1, MAX_NODES + 1)]
    pairs = [(n, n + 1) for n in range(1, MAX_NODES)] + [(n, 1) for n in range(2, MAX_NODES + 1)]
    return made(nodes, pairs)


def _self_edges() -> Document:
    nodes = [node(n, "map") for n in range(1, MAX_NODES + 1)]
    return made(nodes, [(n % MAX_NODES + 1, n % MAX_NODES + 1) for n in range(MAX_EDGES)])


EXPRESSIONS: dict[str, tuple[Callable[[int, int], str], int]] = {  # how, and how many a node
    "one letter": (lambda a, b: "x", 500),
    "short": (lambda a, b: f"x{a}_{b}", 80),
    "products": (lambda a, b: f"{a}*{b}*" + long("x", "*", 70), 66),
    "lists of products": (lambda a, b: f"({a},{b}," + long("x*x", ",") + ")", 2),
    "the same": (lambda a, b: long("x", " and "), 2),
    "sums": (lambda a, b: f"{a}+{b}+" + long("(x)", "+", 130), 33),
    "numbers": (lambda a, b: f"x in ({a},{b}," + long("1", ",", 1_900) + ")", 2),
    "texts": (lambda a, b: f"x in ({a},{b}," + long("'a'", ",", 1_900) + ")", 2),
    "infinities": (lambda a, b: f"x in ({a},{b}," + long("1e999", ",", 1_900) + ")", 2),
    "columns": (lambda a, b: f"({a},{b}," + ",".join(f"y{n:x}" for n in range(400)) + ")", 2),
    "comparisons": (lambda a, b: f"{a}<{b}<" + long("x", "<", 1_900), 2),
    "slices": (lambda a, b: f"({a},{b}," + long("x[x:x:x]", ",", 1_900) + ")", 2),
    "signs": (lambda a, b: f"({a},{b}," + long("-" * 35 + "x", ",", 1_900) + ")", 2),
    "functions": (lambda a, b: f"({a},{b}," + long("len(x)", ",", 1_900) + ")", 2),
    "nested functions": (lambda a, b: f"({a},{b}," + long("abs(" * 37 + "x" + ")" * 37, ",") + ")", 2),
    "brackets": (lambda a, b: f"{a}+{b}+" + "(" * 190 + "x" + ")" * 190, 12),
    "letters that Python folds": (lambda a, b: f"({a},{b}," + long("ﬁ", ",") + ")", 2),
    "unknown functions": (lambda a, b: f"coalesc{a}{b}(x)", 80),
    "long unknown functions": (lambda a, b: f"{'abcdefgh' * 200}{a}_{b}(x)", 2),
    "unknown time zones": (lambda a, b: f"to_zone(x,'A{a}_{b}')", 60),
    "time zones": (lambda a, b: f"({a},{b}," + long("to_zone(x,'Europe/Berlin')", ",", 1_900) + ")", 2),
    "patterns": (lambda a, b: f"({a},{b}," + long("matches(x,'[[(((((a')", ",", 1_900) + ")", 2),
    "formats": (lambda a, b: f"({a},{b}," + long("format_date(x,'%d%m%Y')", ",", 1_900) + ")", 2),
    "nested steps": (lambda a, b: f"({a},{b}," + "round_to(" * 30 + "x" + ",7)" * 30 + ")", 12),
    "digits": (lambda a, b: f"{a}{b}" + "9" * 1_980, 2),
    "halves": (lambda a, b: long("x", " and ", 1_900) + f"+{a}+{b}+", 2),
    "no brackets' ends": (lambda a, b: f"{a}+{b}+" + "(x," * 190, 2),
}  # fmt: skip


def _nested(before: str, after: str, depth: int) -> str:
    return before * depth + "x" + after * depth


def _among(piece: str, length: int = 1_900) -> Callable[[int, int], str]:
    """Whether a number is one of many: the piece, again and again."""
    return lambda a, b: f"x*{a}{b} in ({long(piece, ',', length)})"


def _texts_among(piece: str) -> Callable[[int, int], str]:
    return lambda a, b: f"str(x)+'{a}{b}' in ({long(piece, ',', 1_900)})"


NUMBERS, BOTH = ("integer", "numeric", "double"), ("integer", "numeric", "double", "text")
# As above, and right where the type of x is known: such expressions are compiled to their end
TYPED: dict[str, tuple[tuple[str, ...], Callable[[int, int], str], int]] = {
    "products": (NUMBERS, _among("x*x"), 2),
    "signs": (NUMBERS, _among("-" * 35 + "x"), 2),
    "nested abs": (NUMBERS, _among(_nested("abs(", ")", 36)), 2),
    "nested round": (NUMBERS, _among(_nested("round(", ",2)", 36)), 2),
    "nested int and str": (NUMBERS, _among(_nested("int(str(", "))", 17)), 2),
    "powers": (NUMBERS, _among("x**x"), 2),
    "divisions": (NUMBERS, _among("x/x"), 2),
    "floors": (NUMBERS, _among("x//x"), 2),
    "remainders": (NUMBERS, _among("x%x"), 2),
    "short remainders": (NUMBERS, _among("x%x%x%x", 60), 50),
    "choices": (BOTH, lambda a, b: long("x if x is None else ", "", 700) + "x", 4),
    "conditions": (BOTH, lambda a, b: long("x is None", " or ", 1_900), 2),
    "the least of many": (NUMBERS, _among("min(" + long("x", ",", 39) + ")"), 2),
    "the first of many": (NUMBERS, _among("coalesce(" + long("x", ",", 39) + ")"), 2),
    "slices": (("text",), _texts_among("x" + "[1:-1]" * 36), 2),
    "nested replace": (("text",), _texts_among(_nested("replace(", ",x,'a')", 36)), 2),
    "texts": (BOTH, _texts_among("'a'"), 2),
    "texts of numbers": (BOTH, _texts_among("str(x)"), 2),
    "texts of dates": (BOTH, _texts_among("str(date('2026-01-01'))"), 2),
    "texts of divisions": (NUMBERS, _texts_among("str(x/x)"), 2),
}

NAMES: dict[str, Callable[[int], list[str]]] = {
    "different": lambda a: [f"{a}.{n}" for n in range(MAX_COLUMNS)],
    "each twice": lambda a: [f"{n // 2:x}" for n in range(MAX_COLUMNS)],
    "as long as allowed": lambda a: [f"{n:x}".rjust(MAX_NAME, "é") for n in range(10)],
    "empty": lambda a: [""] * MAX_COLUMNS,
}


def _typed(of: str, expression: Callable[[int, int], str], each: int, room: int) -> Document:
    """As `maps`, of a column x of this type."""
    document = maps(expression, each, room)
    document["nodes"][0]["config"]["types"] = [{"column": "x", "type": of}]
    return document


def _files(entries: int) -> Document:
    """Files with as many typed columns, which meet in one node, and that again and again."""
    each = MAX_COLUMNS // 4
    files = [
        node(
            n,
            "csv_input",
            path="a.csv",
            types=[{"column": f"c{k}", "type": "numeric"} for k in range(each)],
        )
        for n in range(1, entries // each + 1)
    ]
    first = len(files) + 1
    meeting = [node(first, "filter", condition="c1 > 1")]
    meeting += [node(n, "limit", rows=1) for n in range(first + 1, MAX_NODES)]
    pairs = [(n, first) for n in range(1, first)]
    pairs += [(n, n + 1) for n in range(first, MAX_NODES - 1)]
    return made([*files, *meeting], pairs)


def _queries(sql: str, count: int) -> Document:
    """Many sources of one output."""
    sources = [node(n, "db_input", connection="a", sql=sql) for n in range(1, count + 1)]
    output = node(MAX_NODES, "csv_output", path="b.csv")
    return made([*sources, output], [(n, MAX_NODES) for n in range(1, count + 1)])


def worst_graphs(
    characters: int = EVERYTHING, entries: int = EVERYTHING
) -> Mapping[str, Callable[[], Document]]:
    """By name what makes each; with at most so many characters of expressions, and entries of lists."""
    lists = entries // MAX_COLUMNS
    return {
        **{
            f"expressions: {name}": partial(
                maps, expression, min(each, entries // (MAX_NODES - 2)), characters
            )
            for name, (expression, each) in EXPRESSIONS.items()
        },
        **{
            f"of {of}: {name}": partial(
                _typed, of, expression, min(each, (entries - 1) // (MAX_NODES - 2)), characters
            )
            for name, (types, expression, each) in TYPED.items()
            for of in types
        },
        "types of many files": lambda: _files(min(entries // 2, 9_000)),
        **{f"names: {name}": partial(keeps, names, entries) for name, names in NAMES.items()},
        "empty entries": lambda: _lists_of({}, lists),
        "entries that are none": lambda: _lists_of(1, lists),
        "unknown fields": lambda: filled(
            lambda n: node(n, "map", **{f"f{k}": 1 for k in range(450)})
        ),
        "long unknown fields": lambda: filled(
            lambda n: node(n, "map", **{f"{k}" + "é" * 100: 1 for k in range(7)})
        ),
        "a field of half a megabyte": lambda: chained(
            [node(2, "db_input", connection="a", sql="x" * 500_000)]
        ),
        "half a megabyte as a field": lambda: chained([node(2, "map", **{"x" * 500_000: 1})]),
        "half a megabyte as a type": lambda: chained([node(2, "x" * 500_000)]),
        "a list of many entries": lambda: chained([node(2, "map", keep=["x"] * 100_000)]),
        "queries as long as allowed": lambda: _queries("x\n" * 49_000, 6),
        "queries of line ends that only Python knows": lambda: _queries("\u2028'" * 14_000, 8),
        "many queries": lambda: _queries("x\n'\\" * 600, MAX_NODES - 1),
        "no type": lambda: filled(lambda n: {"id": n, "type": "", "config": {}}),
        "the same id": lambda: made([node(1, "map")] * MAX_NODES, []),
        "ids that are none": lambda: made([{"id": "x"}] * MAX_NODES, []),
        "connections of many parameters": lambda: filled(
            lambda n: node(n, "db_input", connection="sqlite:///" + "a?b&" * 240, table="t")
        ),
        "paths of many parts": lambda: filled(
            lambda n: node(n, "csv_input", path="a/" * 490 + "b")
        ),
        "names in many lines": lambda: filled(lambda n: {**node(n, "map"), "name": "\u2028" * 120}),
        "pairs of cycles": _dense_cycles,
        "many edges": lambda: _many_edges(backward=False),
        "many edges and a way back": lambda: _many_edges(backward=True),
        "a fan of cycles": _wide,
        "edges to themselves": _self_edges,
        "edges to nowhere": lambda: made(
            [node(1, "map")], [(n + 2, n + 3) for n in range(MAX_EDGES)]
        ),
        "edges that are none": lambda: {"nodes": [node(1, "map")], "edges": [0] * MAX_EDGES},
        "the longest chain": lambda: filled(lambda n: node(n, "map")),
        "outputs that write the same": lambda: made(
            [node(n, "csv_output", path="a.csv") for n in range(1, MAX_NODES + 1)], []
        ),
    }


def _lists_of(entry: Any, count: int) -> Document:
    """Map nodes whose list of columns holds the same entry again and again."""
    return filled(lambda n: node(n, "map", columns=[entry] * MAX_COLUMNS), min(count, 198))
