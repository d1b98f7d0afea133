"""The figures of a bench as an SVG chart, legible on light and dark pages."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from bench.report import Document, measured, medians, ratio, shown, yardstick_of
from bench.scenarios import SCENARIOS

WIDTH, MARGIN, COLUMNS = 960, 24, 3
PANEL_GAP, BAR, BAR_GAP = 24, 18, 8  # pixels
TOP = 76
GROWTH_HEIGHT = 230

BARS = (  # scenario, figure, what the panel says, digits
    ("S1", "us", "S1 CPU per delivery, µs ↓", 2),
    ("S1", "p99", "S1 p99, ms ↓", 1),
    ("S2", "per_second", "S2 sustained deliveries/s ↑", 0),
    ("S3", "us", "S3 CPU per delivery, µs ↓", 1),
    ("S4", "kb", "S4 KB per connection ↓", 1),
    ("S4", "connects", "S4 connects/s ↑", 0),
    ("S5", "per_second", "S5 burst, deliveries/s ↑", 0),
    ("S5", "share", "S5 delivered, % ↑", 1),
    ("S6", "p99", "S6 p99 beside slow clients, ms ↓", 1),
    ("IN", "in", "messages/s from NATS ↑", 0),
)
CURVES = (
    ("CLIENTS", "CPU per delivery, µs, by clients"),
    ("JOBS", "CPU per delivery, µs, by jobs (10,000 deliveries/s)"),
)
STYLE = """
  .page { fill: #ffffff } text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 } .head { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
  .rail { fill: #eaeef2 } .axis { stroke: #8c959f; fill: none }
  .t0 { fill: #8c959f; stroke: #8c959f } .t1 { fill: #0969da; stroke: #0969da } .t2 { fill: #1a7f37; stroke: #1a7f37 }
  .t3 { fill: #9a6700; stroke: #9a6700 } .t4 { fill: #8250df; stroke: #8250df } .t5 { fill: #cf222e; stroke: #cf222e }
  .line { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 } .rail { fill: #21262d } .axis { stroke: #6e7681 }
    .t0 { fill: #8c959f; stroke: #8c959f } .t1 { fill: #4493f8; stroke: #4493f8 } .t2 { fill: #3fb950; stroke: #3fb950 }
    .t3 { fill: #d29922; stroke: #d29922 } .t4 { fill: #ab7df8; stroke: #ab7df8 } .t5 { fill: #f85149; stroke: #f85149 }
    .line { fill: none }
  }
"""


def chart(document: Document) -> str:
    """An SVG document: a panel of bars for each figure, and curves of how cost grows."""
    names = [target["name"] for target in document["targets"]]
    has = {scenario.name for scenario in measured(document)}
    panels = [
        panel
        for panel in BARS
        if panel[0] in has and _any_value(document, names, panel[0], panel[1])
    ]
    curves = [curve for curve in CURVES if curve[0] in has]
    height = 30 + len(names) * (BAR + BAR_GAP)
    body: list[str] = []
    for number, panel in enumerate(panels):
        x, y = _place(number, COLUMNS, TOP, height)
        body += _bars(document, names, panel, x, y)
    bottom = TOP + -(-len(panels) // COLUMNS) * (height + PANEL_GAP)
    for number, curve in enumerate(curves):
        x, y = _place(number, 2, bottom, GROWTH_HEIGHT)
        body += _curve(document, names, curve, x, y)
    bottom += bool(curves) * (GROWTH_HEIGHT + PANEL_GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom}" '
            f'viewBox="0 0 {WIDTH} {bottom}" role="img" aria-label="Figures of scripts/bench">',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{bottom}"/>',
            *_title(document, names),
            *body,
            "</svg>\n",
        ]
    )


def _place(number: int, columns: int, top: int, height: int) -> tuple[float, float]:
    row, column = divmod(number, columns)
    return MARGIN + column * (_width(columns) + PANEL_GAP), top + row * (height + PANEL_GAP)


def _width(columns: int) -> float:
    return (WIDTH - 2 * MARGIN - (columns - 1) * PANEL_GAP) / columns


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'


def _title(document: Document, names: list[str]) -> list[str]:
    machine = document["machine"]
    yardstick = yardstick_of(document)
    below = f"{machine['date']}, {machine['cores']} cores, commit {machine['commit']}"
    if yardstick is not None:
        below += f"; × is the ratio to {yardstick}, taken in turn"
    lines = [_text(MARGIN, 30, "Fan-out: WebSocket deliveries", "title")]
    lines.append(_text(MARGIN, 50, below, "small"))
    x = WIDTH - MARGIN - 105 * len(names)
    for number, name in enumerate(names):
        left = x + 105 * number
        lines.append(f'<rect class="t{number % 6}" x="{left}" y="19" width="12" height="12"/>')
        lines.append(_text(left + 18, 30, name))
    return lines


def _any_value(document: Document, names: list[str], scenario: str, key: str) -> bool:
    return any(key in medians(document, scenario, name) for name in names)


def _bars(
    document: Document, names: list[str], panel: tuple[str, str, str, int], x: float, y: float
) -> list[str]:
    scenario, key, title, digits = panel
    values = {name: medians(document, scenario, name).get(key) for name in names}
    most = max((value for value in values.values() if value), default=1.0)
    room = _width(COLUMNS) - 120
    lines = [_text(x, y + 14, title, "head")]
    for number, name in enumerate(names):
        value, top = values[name], y + 26 + number * (BAR + BAR_GAP)
        lines.append(
            f'<rect class="rail" x="{x:.0f}" y="{top}" width="{room:.0f}" height="{BAR}"/>'
        )
        if value is None:
            lines.append(_text(x + room + 8, top + 14, "–"))
            continue
        long = max(room * value / most, 1.0)
        lines.append(
            f'<rect class="t{number % 6}" x="{x:.0f}" y="{top}" width="{long:.1f}" height="{BAR}"/>'
        )
        times = ratio(document, scenario, name, key)
        said = shown(value, digits) + (f"  {times:.2f} ×" if times is not None else "")
        lines.append(_text(x + room + 8, top + 14, said))
    return lines


def _curve(
    document: Document, names: list[str], curve: tuple[str, str], x: float, y: float
) -> list[str]:
    """A curve of the cost of one delivery, on logarithmic axes. Where it is level, the whole cost grows linearly."""
    scenario, title = curve
    places = [int(figure.key) for figure in SCENARIOS[scenario].figures]
    series = {name: medians(document, scenario, name) for name in names}
    values = [value for figures in series.values() for value in figures.values() if value > 0]
    low, high = _decades(values or [1.0])
    left, right, top, bottom = x + 44, x + _width(2) - 10, y + 28, y + GROWTH_HEIGHT - 30

    def at(place: float, value: float) -> tuple[float, float]:
        along = math.log(place / places[0]) / math.log(places[-1] / places[0])
        up = math.log(value / low) / math.log(high / low)
        return left + along * (right - left), bottom - up * (bottom - top)

    lines = [_text(x, y + 14, title, "head")]
    lines.append(f'<path class="axis" d="M{left:.0f},{top}V{bottom}H{right:.0f}"/>')
    for place in places:
        lines.append(_text(at(place, low)[0], bottom + 18, f"{place:,}", "small", "middle"))
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        lines.append(
            _text(left - 6, at(places[0], 10**power)[1] + 4, f"{10**power:g}", "small", "end")
        )
    for number, figures in enumerate(series.values()):
        points = [at(int(key), value) for key, value in figures.items() if value > 0]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        lines.append(f'<polyline class="t{number % 6} line" style="fill:none" points="{path}"/>')
        lines += [
            f'<circle class="t{number % 6}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in points
        ]
    return lines


def _decades(values: list[float]) -> tuple[float, float]:
    low = 10 ** math.floor(math.log10(min(values)))
    return low, max(10 ** math.ceil(math.log10(max(values))), low * 10)
