"""What a program does otherwise that keeps outputs, or begins again from a node; its environment says so.

A program that is run by hand finds nothing there, and runs all of its nodes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from program_lib.kept.draining import Draining
from program_lib.kept.keeping import Keeping
from program_lib.kept.source import KeptSource
from program_lib.nodes import Inlet, Node, Output, Report, Source, wire
from program_lib.nodes.reading_order import handing_on
from progress_lib import Progress, Status

KEEP = "KEEP_OUTPUTS"  # {"directory", "nodeBytes", "runBytes", "full"} as JSON
AGAIN = "RUN_AGAIN"  # {"run", "directory", "nodes": {id: {"rows", "isRead"}}} as JSON


def begun_again(nodes: Sequence[Node], report: Report) -> list[Node]:
    """The nodes that this run has to run: those of before give what was kept, or are left out and told as done."""
    text = os.environ.get(AGAIN)
    if not text:
        return list(nodes)
    plan = json.loads(text)
    told: Mapping[str, Any] = plan["nodes"]
    directory = Path(plan["directory"])
    wire(nodes, report)
    before = handing_on(nodes)
    left_out = {number for number, entry in told.items() if not entry["isRead"]}
    made = [
        KeptSource(node, plan["run"], directory) if str(node.number) in told else node
        for node in nodes
        if str(node.number) not in left_out
    ]
    running = {node.number for node in made if not isinstance(node, KeptSource)}
    for node in made:
        node.feeds = {
            output: [inlet for inlet in inlets if _number(inlet) in running]
            for output, inlets in node.feeds.items()
        }
        if isinstance(node, KeptSource):  # what nobody gets any more need not have been kept
            node.feeds = {output: inlets for output, inlets in node.feeds.items() if inlets}
        if isinstance(node, Source):
            node.turn = _turn(node.number, running, before)
    for node in nodes:
        if str(node.number) in left_out:
            report(_not_again(node, told[str(node.number)]["rows"], plan["run"]))
    return made


def _turn(number: int, running: Collection[int], before: Sequence[tuple[int, int]]) -> int:
    """When the rows of a node came in the whole run to a node that runs now: a union has them in that order."""
    came = (at for at, (giver, to) in enumerate(before) if giver == number and to in running)
    return next(came, len(before))


def _number(inlet: Inlet) -> int:
    return inlet if isinstance(inlet, int) else inlet[0]


def _not_again(node: Node, rows: int, run_id: str) -> Progress:
    message = f"not run again: {rows:,} rows in run {run_id}"
    return Progress(node.number, node.name, Status.COMPLETED, rows, message, from_run=run_id)


def keep_outputs(nodes: Sequence[Node]) -> Draining | None:
    """Lets each node keep what it gives, where the environment asks for that; None where it does not."""
    text = os.environ.get(KEEP)
    if not text:
        return None
    settings = json.loads(text)
    keeping = Keeping(
        Path(settings["directory"]),
        settings["nodeBytes"],
        settings["runBytes"],
        settings.get("full"),
    )
    draining = Draining()
    for node in nodes:
        node.onward = draining
        if not isinstance(node, Output):
            node.keeping = keeping.of_node(node.number)
    return draining
