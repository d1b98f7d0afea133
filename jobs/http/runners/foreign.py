"""A NATS of another installation: its runners would answer, with files and rows that are not ours."""

from collections.abc import Callable

from jobs.http.problems import unavailable

WhyNotOurs = Callable[[], str]
"""Why the runners on this NATS must not be asked anything; "" where they are ours, as far as is known."""


def nobody_elses() -> str:
    return ""


def check_ours(why_not_ours: WhyNotOurs) -> None:
    """Raises Problem (503) where the runners are another installation's."""
    if why := why_not_ours():
        raise unavailable(f"no runner is asked: {why}")
