"""Whether a job's runs keep what their nodes give: a setting of the job, in its graph. Pure."""

from typing import Any

from jobs.graph.fields.checks import shown


def parse_keep_outputs(entry: Any, errors: list[str]) -> bool:
    """The member of a graph document; adds a sentence to `errors` where it is none. None: nothing is kept."""
    if entry is None or isinstance(entry, bool):
        return bool(entry)
    errors.append(
        f"keepOutputs is {shown(entry)}; it must be true, or false for nothing to be kept"
    )
    return False
