"""What many would say at once, as of a database that is away, is said for the first of them, and how many there were."""

import time

PERIOD = 10.0  # seconds in which one sentence is said once
MOST = 100  # sentences that are remembered; full: all are forgotten, and may be said again


class Repeated:
    """Any thread: where two say the same in the same moment, both may be heard, or one of them not be counted."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}  # sentence → monotonic seconds
        self._held: dict[str, int] = {}  # sentence → how often it was not said since

    def due(self, sentence: str) -> str | None:
        """What to say now; None where it was said just now."""
        now = time.monotonic()
        said = self._said.get(sentence)
        if said is not None and now - said < PERIOD:
            self._held[sentence] = self._held.get(sentence, 0) + 1
            return None
        if len(self._said) >= MOST:
            self._said.clear()
            self._held.clear()
        self._said[sentence] = now
        held = self._held.pop(sentence, 0)
        return f"{sentence} (and {held} times more since it was said last)" if held else sentence
