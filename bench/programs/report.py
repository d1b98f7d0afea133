"""The table, the page docs/bench-programs.md and its chart, from the figures of a bench."""

from __future__ import annotations

from statistics import median
from typing import Any
from xml.sax.saxutils import escape

from bench.chart import STYLE
from bench.programs.jobs import JOBS, LARGE, MUST_MB, STRETCH_MB, Job

Document = dict[str, Any]
"""{"command", "machine", "rows", "turns": {name of a job: [{"ours": figures, "by_hand": figures}]}, "large": as turns, "left_out"}"""

# Processes that want a core, for each core there is, from which on figures are no measure
BUSY = 0.5

WIDTH, MARGIN, BAR, GAP, LABEL = 960, 24, 20, 14, 430  # pixels


def measured(document: Document) -> list[Job]:
    return [job for job in JOBS if document["turns"].get(job.name)]


def ratio(document: Document, job: Job, figure: str = "seconds") -> float:
    """By hand by ours, the median of the turns' own ratios, since the machine drifts."""
    turns = document["turns"][job.name]
    return float(median(turn["by_hand"][figure] / turn["ours"][figure] for turn in turns))


def median_of(document: Document, job: Job, who: str, figure: str) -> float:
    return float(median(turn[who][figure] for turn in document["turns"][job.name]))


def verdict(value: float, must: float, stretch: float) -> str:
    if value >= stretch:
        return "stretch"
    return "must" if value >= must else "missed"


def memory_verdict(document: Document, job: Job) -> str:
    return verdict(-median_of(document, job, "ours", "megabytes"), -MUST_MB, -STRETCH_MB)


def table(document: Document) -> list[str]:
    """In Markdown, which is readable on a terminal, too."""
    lines = [
        "| job | ours, rows/s | by hand, rows/s | × by hand | of CPU time | must; stretch | | peak MB, ours | | by hand |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [_line(document, job) for job in measured(document)]


def _line(document: Document, job: Job) -> str:
    rows = document["rows"]["postgresql" if job.is_postgresql else "files"]
    seconds = [median_of(document, job, who, "seconds") for who in ("ours", "by_hand")]
    memory = [median_of(document, job, who, "megabytes") for who in ("ours", "by_hand")]
    times = ratio(document, job)
    cells = [
        job.title,
        *(f"{rows / taken:,.0f}" for taken in seconds),
        f"{times:.2f}",
        f"{ratio(document, job, 'cpu'):.2f}",
        f"{job.must:g}; {job.stretch:g}",
        verdict(times, job.must, job.stretch),
        f"{memory[0]:.0f}",
        memory_verdict(document, job),
        f"{memory[1]:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def large_table(document: Document) -> list[str]:
    """The same of what was measured with LARGE times as many rows; nothing where nothing was."""
    if not document.get("large"):
        return []
    rows = {name: count * LARGE for name, count in document["rows"].items()}
    measured_so = {**document, "turns": document["large"], "rows": rows}
    return ["", f"With {rows['files']:,} rows, one turn:", "", *table(measured_so)]


def heading(document: Document) -> list[str]:
    machine, rows = document["machine"], document["rows"]
    load = " ".join(f"{value:g}" for value in machine["load"])
    turns = max(len(turns) for turns in document["turns"].values())
    lines = [
        f"`{document['command']}`, {machine['date']}, commit {machine['commit']}: {machine['cores']} cores, "
        f"{machine['processor']}, {machine['kernel']}, Python {machine['python']}, load {load} at the start.",
        f"{rows['files']:,} rows × 8 columns, {rows['postgresql']:,} for PostgreSQL; medians of {turns} turns: ours, "
        "by hand, ours, by hand …",
    ]
    if machine["load"][0] > machine["cores"] * BUSY:
        lines.append(
            "**The machine was busy with other work: what was missed here is not known to be missed, nor what was "
            "reached.** Beside other work the CPU time of SQLite → SQLite was seen to rise by 24 %, and that of its "
            "script by 9 %."
        )
    return lines


def page(document: Document) -> str:
    """docs/bench-programs.md, all of it."""
    left_out = [f"Not measured: {said}." for said in document["left_out"]]
    parts = [
        PAGE_BEGINS,
        *heading(document),
        "",
        *table(document),
        *large_table(document),
        "",
        *left_out,
        PAGE_ENDS,
    ]
    return "\n".join(parts)


PAGE_BEGINS = """# The bench of programs: what moving a row costs

    scripts/bench programs                         all jobs, about ten minutes
    scripts/bench programs --large                 and some with ten times as many rows; writes this page and its chart
    scripts/bench programs --only copy,work        some of them
    scripts/bench programs --rows 100000 --rounds 1

Each line of the table is a job as the product runs it (the program of a graph, in a process of its own that
reports its progress to a nats-server) beside the script that somebody would write by hand for it:
`bench/programs/by_hand/`, a page each. **× by hand** is the time of the script, from the start of its process to its end,
by the time of ours, from the moment at which the warm interpreter is asked to fork, as a runner does it, to its
end: 2 is twice as fast. With `--fresh` our programs have to import DuckDB and Arrow first, as they do where no interpreter
is warm. Both write the same rows, which is checked. The second column of
ratios is that of the CPU time (user and system, of all threads): without what either waits for.
Only ratios of one turn are worth quoting, and only those of a quiet machine say whether a goal is reached.

![Bars: how many times as fast as by hand each job is](bench-programs.svg)
"""
PAGE_ENDS = """
The scripts use `csv`, `sqlite3` and `psycopg` directly, know the columns by heart, check nothing and tell
nothing. `executemany` from one cursor into another is the least that Python can do for SQLite; for PostgreSQL, to pass
COPY's bytes on is the least that anybody can do, and allows no step between.
"""


# ---------------------------------------------------------------- the chart


def chart(document: Document) -> str:
    """An SVG document: a bar for each job, on which by hand is 1, with marks at must and stretch."""
    jobs = measured(document)
    height = 84 + len(jobs) * (BAR + GAP)
    below = f"{document['machine']['date']}, commit {document['machine']['commit']}; by hand is 1, more is faster"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Figures of scripts/bench programs">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        _text(MARGIN, 30, "Programs: times as fast as a script by hand", "title"),
        _text(MARGIN, 50, f"{below}; marks: must and stretch", "small"),
    ]
    for number, job in enumerate(jobs):
        lines += _bar(document, job, 70 + number * (BAR + GAP))
    return "\n".join([*lines, "</svg>\n"])


def _bar(document: Document, job: Job, top: int) -> list[str]:
    """On a scale of its own, which ends beyond its stretch goal."""
    times = ratio(document, job)
    left, room = MARGIN + LABEL, WIDTH - 2 * MARGIN - LABEL - 70
    scale = room / max(1.25 * job.stretch, times, 1.0)
    style = {"missed": "t5", "must": "t1", "stretch": "t2"}[verdict(times, job.must, job.stretch)]
    marks = [left + mark * scale for mark in (1.0, job.must, job.stretch)]
    return [
        _text(MARGIN, top + 15, job.title),
        f'<rect class="rail" x="{left}" y="{top}" width="{room}" height="{BAR}"/>',
        f'<rect class="{style}" x="{left}" y="{top}" width="{times * scale:.1f}" height="{BAR}"/>',
        *(f'<path class="axis" d="M{x:.1f},{top - 3}V{top + BAR + 3}"/>' for x in marks),
        _text(left + room + 8, top + 15, f"{times:.2f} ×"),
    ]


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{style}">{escape(text)}</text>'
