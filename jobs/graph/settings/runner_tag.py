"""The tag of the runners that may take a job's runs: a setting of the job, in its graph. Pure."""

from typing import Any

from jobs.graph.fields.checks import shown
from settings.tags import FORM, is_tag


def parse_runner_tag(entry: Any, errors: list[str]) -> str | None:
    """The member of a graph document; adds a sentence to `errors` where it is none. None: any runner without need of a tag."""
    if entry is None or (isinstance(entry, str) and is_tag(entry)):
        return entry
    errors.append(f"runnerTag is {shown(entry)}; it must be {FORM}, or null for no tag")
    return None
