"""What gunicorn's workers start with."""

import subprocess
import sys

from gunicorn.config import Config

from realtime.workers import settle

SPARING = """
import gc
from realtime.workers import COLLECT_EVERY, spare_the_old

def searches():
    return [generation["collections"] for generation in gc.get_stats()]

class Node:
    pass

spare_the_old()
assert gc.get_freeze_count() > 10_000, "what a worker starts with is searched again"
young, old, oldest = searches()
kept = [[] for _ in range(COLLECT_EVERY[0] * 50)]
after = searches()
assert after[0] >= young + 49, "the young are not searched"
assert after[1:] == [old, oldest], "what outlived a search is searched again"

new = COLLECT_EVERY[0] + 1
for _ in range(COLLECT_EVERY[1]):
    for _ in range(new):
        circle = Node()
        circle.itself = circle
assert searches()[1] > old, "circles that outlived a search would stay for ever"
"""


def test_what_outlives_a_search_for_garbage_is_left_alone_for_long_but_not_for_ever() -> None:
    subprocess.run([sys.executable, "-c", SPARING], check=True)


def test_settled_settings_read_as_before() -> None:
    asked, settled = Config(), Config()
    settle(settled)
    assert asked.settings
    for name in asked.settings:
        assert name in vars(settled)
        assert repr(getattr(settled, name)) == repr(getattr(asked, name)), name
