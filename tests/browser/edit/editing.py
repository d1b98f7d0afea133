"""What tests do with the editor: the page on one job, and graphs to begin with."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import FloatRect, Locator, Page, ViewportSize, expect

from tests.harness import Product, eventually

URL = "sqlite:///shop.db"
WIDE: ViewportSize = {"width": 1440, "height": 900}
EMPTY: dict[str, Any] = {"nodes": [], "edges": []}


def small_graph(*, condition: str = "id > 5") -> dict[str, Any]:
    """DB Input → Filter, at places of their own, and a DB Output that nobody feeds."""

    def made(node_id: int, kind: str, name: str, x: int, **config: Any) -> dict[str, Any]:
        place = {"x": x, "y": 80}
        return {"id": node_id, "type": kind, "name": name, "config": config, "position": place}

    nodes = [
        made(1, "db_input", "Orders", 40, connection=URL, table="orders"),
        made(2, "filter", "Recent", 340, condition=condition),
        made(3, "db_output", "Report", 640, connection=URL, table="edited", mode="replace"),
    ]
    return {"nodes": nodes, "edges": [{"from": 1, "to": 2}], "engine": 2}


def ports_graph() -> dict[str, Any]:
    """A Split and a Join between two inputs and an output; nothing is connected yet but the Split's input."""

    def made(node_id: int, kind: str, name: str, x: int, y: int, **config: Any) -> dict[str, Any]:
        place = {"x": x, "y": y}
        return {"id": node_id, "type": kind, "name": name, "config": config, "position": place}

    branches = [{"port": "large", "condition": "id > 5"}]
    keys = [{"left": "id", "right": "id"}]
    nodes = [
        made(1, "db_input", "Orders", 40, 80, connection=URL, table="orders"),
        made(2, "split", "By size", 340, 80, branches=branches, to="first"),
        made(3, "join", "Both", 680, 80, how="inner", on=keys, suffix="_right", expect="any"),
        made(4, "csv_output", "Report", 680, 320, path="report.csv"),
    ]
    return {"nodes": nodes, "edges": [{"from": 1, "to": 2}], "engine": 2}


# Frames in a row for which a part is where it was: a form that opens, a camera that follows and a window's new size take two or three
STILL = 6
BOX_WHEN_STILL = """(part, frames) => new Promise((done) => {
  let [left, same, before] = [600, 0, ''];
  const look = () => {
    const {x, y, width, height} = part.getBoundingClientRect();
    const now = [x, y, width, height].join();
    same = now === before ? same + 1 : 0;
    before = now;
    if (!part.isConnected || part.getClientRects().length === 0 || (left -= 1) === 0) done(null);
    else if (same >= frames) done({x, y, width, height});
    else requestAnimationFrame(look);
  };
  look();
})"""


def box_of(part: Locator) -> FloatRect:
    """Where a part of the page is, as soon as it stands still."""

    def still() -> FloatRect | None:
        found: FloatRect | None = part.evaluate(BOX_WHEN_STILL, STILL)
        return found

    return eventually(still, what=f"{part} is drawn and stands still")


def middle_of(part: Locator) -> tuple[float, float]:
    box = box_of(part)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


class Editor:
    """The page on one job, and what a test does with it."""

    def __init__(self, page: Page, product: Product, job_id: int) -> None:
        self.page = page
        self.product = product
        self.job_id = job_id

    def node(self, node_id: int) -> Locator:
        return self.page.locator(f'.node[data-node-id="{node_id}"]')

    def port(self, node_id: int, side: str, name: str = "") -> Locator:
        return self.page.locator(f'.port-{side}[data-node-id="{node_id}"][data-name="{name}"]')

    def edge(self, source: int, target: int, leaves: str = "", enters: str = "") -> Locator:
        ports = f'[data-from-port="{leaves}"][data-to-port="{enters}"]'
        return self.page.locator(f'.edge[data-from="{source}"][data-to="{target}"]{ports}')

    def field(self, name: str) -> Locator:
        return self.page.locator(f'#node-form [data-field="{name}"]')

    def expect_edge(self, source: int, target: int, count: int = 1, **ports: str) -> None:
        expect(self.edge(source, target, **ports)).to_have_count(count)

    def expect_nodes(self, *names: str) -> None:
        """Exactly these, in whatever order the flow puts them."""
        shown = self.page.locator(".node-name")
        expect(shown).to_have_count(len(names))
        for name in names:
            expect(shown.get_by_text(name, exact=True)).to_have_count(1)

    def expect_selected(self, *node_ids: int) -> None:
        expect(self.page.locator('.node[data-selected="true"]')).to_have_count(len(node_ids))
        for node_id in node_ids:
            expect(self.node(node_id)).to_have_attribute("data-selected", "true")

    def middle(self, part: Locator) -> tuple[float, float]:
        return middle_of(part)

    def place(self, node_id: int) -> tuple[float, float]:
        box = box_of(self.node(node_id))
        return round(box["x"]), round(box["y"])

    def drag(self, start: tuple[float, float], end: tuple[float, float], **down: Any) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down(**down)
        mouse.move(start[0] + 8, start[1] + 8)
        mouse.move(*end, steps=4)
        mouse.up(**down)

    def settle(self) -> None:
        """Until what was asked for is drawn."""
        frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(frames)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def ground(self) -> tuple[float, float]:
        """A point of the canvas where nothing is."""
        box = box_of(self.page.locator("#graph"))
        return box["x"] + box["width"] / 2, box["y"] + box["height"] - 120

    def save(self) -> dict[str, Any]:
        """Saves with the button and returns the stored job."""
        self.page.click("#save")
        expect(self.page.locator("#unsaved")).to_be_hidden()
        return self.stored()

    def stored(self) -> dict[str, Any]:
        job: dict[str, Any] = self.product.get(f"/api/jobs/{self.job_id}").json()
        return job


def edges_of(job: dict[str, Any]) -> list[tuple[int, int]]:
    return sorted((edge["from"], edge["to"]) for edge in job["graph"]["edges"])


def node_of(job: dict[str, Any], node_id: int) -> dict[str, Any]:
    found: dict[str, Any] = next(n for n in job["graph"]["nodes"] if n["id"] == node_id)
    return found
