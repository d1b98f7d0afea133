"""What many would say at once, as of a database that is away, is said for the first of them, and how many there were."""

import time

PERIOD = 10.0  # seconds in which one sentence is said once
MOST = 100  # sentences that are remembered; full: all are forgotten, and may be said again


class Repeated:
    """Any thread: where two say the same in the same moment, both may be heard, or one of them not be counted."""

    def __init__(self, period: float = PERIOD) -> None:
        self._period = period
        self._said: dict[str, float] = {}  # kind → monotonic seconds
        self._held: dict[str, int] = {}  # kind → how often none was said since

    def due(self, sentence: str, kind: str = "") -> str | None:
        """What to say now; None where it was said just now, or another of its kind.

        `kind`: of a sentence with words that anybody may choose.
        """
        now, kind = time.monotonic(), kind or sentence
        said = self._said.get(kind)
        if said is not None and now - said < self._period:
            self._held[kind] = self._held.get(kind, 0) + 1
            return None
        if len(self._said) >= MOST:
            self._said.clear()
            self._held.clear()
        self._said[kind] = now
        held = self._held.pop(kind, 0)
        if not held:
            return sentence
        more = "times more" if kind == sentence else "more of its kind"
        return f"{sentence} (and {held} {more} since it was said last)"
