"""How often a service is asked again that could not answer, and how long it is let alone before."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from program_lib.errors import ProgramError

Got = TypeVar("Got")


class Temporary(ProgramError):
    """Asking again may help: the service is busy or could not be reached. `after`: seconds that it wants to be let alone."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True)
class Patience:
    """How one page is asked for again. A signal that ends the program ends a wait at once."""

    tries: int = 6
    first: float = 1.0  # seconds before the second try; each further wait is twice as long …
    most: float = 60.0  # … up to this
    longest: float = 600.0  # seconds that a service may ask for; one that wants more fails the run

    def tried(
        self,
        ask: Callable[[], Got],
        say: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> Got:
        """What `ask` gives in the end. `say` tells people of each wait. Raises what `ask` raised last, or what `pause` raises."""
        for number in range(1, self.tries):
            try:
                return ask()
            except Temporary as error:
                seconds = self._wait(error, number)
                say(f"Waits {seconds:,.0f} s: {error} (try {number + 1} of {self.tries} follows)")
                pause(seconds)
        try:
            return ask()
        except Temporary as error:
            raise ProgramError(f"{error}, {self.tries} times in turn") from error

    def _wait(self, error: Temporary, number: int) -> float:
        most = min(self.first * 2 ** (number - 1), self.most)
        ours = random.uniform(most / 2, most)  # so that many programs do not come back together
        if error.after is None:
            return ours
        if error.after > self.longest:
            raise ProgramError(
                f"{error}, and wants to be asked again in {error.after:,.0f} seconds: at most {self.longest:,.0f} are waited"
            ) from error
        return max(error.after, ours)  # a date that is over by our clock is no wait
