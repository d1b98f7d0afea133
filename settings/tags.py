"""How a runner's tag is written: settings name those of a runner, and a job asks for one."""

import re

MAX_TAGS = 32  # of one runner: each is asked for runs in its turn
FORM = "a word of lower-case letters, digits, - and _, 32 at most, with a letter or a digit first"
TAG = r"[a-z0-9][a-z0-9_-]{0,31}"  # a regular expression


def is_tag(text: str) -> bool:
    """Whether it may stand as one token of a subject of NATS, and is written in the one way that counts as the same."""
    return re.fullmatch(TAG, text) is not None


def runner_tags(found: str) -> tuple[str, ...]:
    """The tags in a list with commas between, each once, in order of the alphabet. Raises ValueError."""
    names = [name.strip() for name in found.split(",")]
    for name in names:
        if not is_tag(name):
            raise ValueError(f"holds {name!r:.80}: a tag is {FORM}")
    tags = tuple(sorted(set(names)))
    if len(tags) > MAX_TAGS:
        raise ValueError(f"holds {len(tags)} tags, at most {MAX_TAGS} are allowed")
    return tags
