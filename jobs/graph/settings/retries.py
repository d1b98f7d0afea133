"""How often a run that failed is tried again, and after which wait: a setting of the job, in its graph. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobs.graph.fields.checks import shown

MOST_RETRIES = 10
MOST_WAIT = 86_400  # seconds: a day; who waits longer executes the job again
FIRST_WAIT, CAP = 60, 3_600  # seconds, where the graph says nothing else


@dataclass(frozen=True, slots=True)
class Retries:
    """`count` runs may follow a run that failed: the first after `wait` seconds, each other after twice the wait before, up to `cap`."""

    count: int = 0
    wait: int = FIRST_WAIT
    cap: int = CAP

    @property
    def attempts(self) -> int:
        """Runs in all, the first one included."""
        return self.count + 1

    def wait_before(self, attempt: int) -> int:
        """Seconds from the failure before an attempt until it; attempt 2 is the first retry."""
        return min(self.cap, self.wait << (attempt - 2))

    def document(self) -> dict[str, int]:
        """These as JSON; `parse_retries` of it gives equal ones."""
        return {"count": self.count, "wait": self.wait, "cap": self.cap}


NO_RETRIES = Retries()
BOUNDS = {"count": (0, MOST_RETRIES), "wait": (1, MOST_WAIT), "cap": (1, MOST_WAIT)}


def parse_retries(entry: Any, errors: list[str]) -> Retries:
    """The member of a graph document; adds a sentence to `errors` for each thing that is wrong. None: no retries."""
    if entry is None:
        return NO_RETRIES
    wrong = list(_errors(entry))
    errors += wrong
    return NO_RETRIES if wrong else Retries(**entry)


def _errors(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict) or not {"count"} <= set(entry) <= set(BOUNDS):
        yield 'retries must be {"count": …, "wait": seconds, "cap": seconds}'
        return
    for name, value in entry.items():
        least, most = BOUNDS[name]
        if type(value) is not int or not least <= value <= most:
            found = value if type(value) is int and abs(value) < 10**12 else shown(value)
            yield f"retries: the {name} is {found}, it must be a whole number from {least} to {most:,}"
            return
    if entry.get("cap", CAP) < entry.get("wait", FIRST_WAIT):
        cap, wait = _told(entry, "cap", CAP), _told(entry, "wait", FIRST_WAIT)
        yield f"retries: the cap, {cap}, is less than the first wait, {wait}"


def _told(entry: dict[str, int], name: str, default: int) -> str:
    return f"{entry[name]:,} s" if name in entry else f"{default:,} s by default"
