"""Medians, the table and the JSON document of a bench."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from bench.scenarios import SCENARIOS, Figure, Scenario

LABEL_WIDTH, COLUMN_WIDTH, RATIO_WIDTH = 44, 13, 8

Document = dict[str, Any]
"""{"machine", "options", "targets": [{"name", "is_ours"}], "results": [{"scenario", "target",
"round", "figures", "faults", "runs"}]}; the first target that is not ours is the yardstick."""


def medians(document: Document, scenario: str, target: str) -> dict[str, float]:
    """Each figure's median over the rounds."""
    rounds = [r["figures"] for r in _results(document, scenario, target)]
    keys = dict.fromkeys(key for figures in rounds for key in figures)
    return {key: median([figures[key] for figures in rounds if key in figures]) for key in keys}


def ratio(document: Document, scenario: str, target: str, key: str) -> float | None:
    """A figure's ratio to the yardstick: the median of each round's ratio, since the machine's speed drifts."""
    yardstick = yardstick_of(document)
    if yardstick is None or yardstick == target:
        return None
    measured = _results(document, scenario, yardstick)
    theirs = {r["round"]: r["figures"].get(key) for r in measured}
    ratios = [
        r["figures"][key] / theirs[r["round"]]
        for r in _results(document, scenario, target)
        if key in r["figures"] and theirs.get(r["round"])
    ]
    return median(ratios) if ratios else None


def yardstick_of(document: Document) -> str | None:
    others = [target["name"] for target in document["targets"] if not target["is_ours"]]
    return others[0] if others else None


def measured(document: Document) -> list[Scenario]:
    names = {result["scenario"] for result in document["results"]}
    return [scenario for scenario in SCENARIOS.values() if scenario.name in names]


def _results(document: Document, scenario: str, target: str) -> list[dict[str, Any]]:
    return [
        result
        for result in document["results"]
        if result["scenario"] == scenario and result["target"] == target
    ]


def heading(document: Document) -> list[str]:
    machine = document["machine"]
    load = " ".join(f"{value:g}" for value in machine["load"])
    return [
        document["command"],
        f"{machine['date']}, commit {machine['commit']}, Python {machine['python']}",
        f"{machine['cores']} cores ({machine['processor']}), {machine['kernel']}, load before {load}",
        f"{document['options']['rounds']} rounds, in turn; medians",
    ]


def table(document: Document) -> list[str]:
    """One block a scenario, one column a server, with its ratio to the yardstick."""
    names = [target["name"] for target in document["targets"]]
    has_ratio = {name: _has_ratio(document, name) for name in names}
    head = "".join(
        f"{name[:COLUMN_WIDTH]:>{COLUMN_WIDTH}}"
        + (f"{'×':>{RATIO_WIDTH}}" if has_ratio[name] else "")
        for name in names
    )
    lines = [" " * LABEL_WIDTH + head]
    for scenario in measured(document):
        lines += ["", f"{scenario.name} {scenario.title}"]
        for figure in scenario.figures:
            cells = [_cell(document, scenario, figure, name, has_ratio[name]) for name in names]
            if any(cell.strip(" –") for cell in cells):
                lines.append(f"  {figure.label:<{LABEL_WIDTH - 2}}" + "".join(cells))
    return [*lines, "", *_faults(document)]


def _has_ratio(document: Document, name: str) -> bool:
    return yardstick_of(document) not in (None, name)


def _cell(
    document: Document, scenario: Scenario, figure: Figure, name: str, with_ratio: bool
) -> str:
    value = medians(document, scenario.name, name).get(figure.key)
    text = "–" if value is None else shown(value, figure.digits)
    cell = f"{text:>{COLUMN_WIDTH}}"
    if with_ratio:
        times = ratio(document, scenario.name, name, figure.key) if figure.better else None
        cell += f"{'' if times is None else f'{times:.2f}':>{RATIO_WIDTH}}"
    return cell


def shown(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _faults(document: Document) -> Iterable[str]:
    for result in document["results"]:
        for fault in result["faults"]:
            yield f"! {result['scenario']} {result['target']} round {result['round']}: {fault}"


def our_faults(document: Document) -> list[str]:
    """The faults that decide the exit code: the product's, or those of the only server measured."""
    ours = {t["name"] for t in document["targets"] if t["is_ours"] or len(document["targets"]) == 1}
    return [fault for r in document["results"] if r["target"] in ours for fault in r["faults"]]
