"""What gunicorn's workers start with."""

import subprocess
import sys

from gunicorn.config import Config

from realtime.workers import settle

SPARING = """
import gc, weakref
from realtime.workers import COLLECT_EVERY, spare_the_old

class Node:
    pass

spare_the_old()
before = gc.get_freeze_count()
kept = [[] for _ in range(COLLECT_EVERY[0] * 2)]  # enough for a collection by itself
assert gc.get_freeze_count() >= before + COLLECT_EVERY[0], "the survivors are still looked at"

circle = Node()
circle.itself, died = circle, weakref.ref(circle)
gc.collect(0)
del circle
gc.collect(1)
assert died() is not None, "the collections between look at what survived"
gc.collect()
assert died() is None, "what died after it was spared is never found"
assert gc.get_freeze_count() > before + COLLECT_EVERY[0], "nothing is spared after a full collection"
"""


def test_survivors_of_a_collection_are_looked_at_only_by_a_full_one() -> None:
    subprocess.run([sys.executable, "-c", SPARING], check=True)


def test_settled_settings_read_as_before() -> None:
    asked, settled = Config(), Config()
    settle(settled)
    assert asked.settings
    for name in asked.settings:
        assert name in vars(settled)
        assert repr(getattr(settled, name)) == repr(getattr(asked, name)), name
