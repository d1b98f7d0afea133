"""tqdm whose bars are nodes: change the import, and the program reports.

    from progress_lib.tqdm import tqdm

Needs the package tqdm (`pip install progress-lib[tqdm]`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import tqdm as _tqdm

from progress_lib.ends import Left, Loop, text_of
from progress_lib.node import Node
from progress_lib.reporting.default_reporter import default_reporter
from progress_lib.reporting.reporter import ProgressReporter

__all__ = ["tqdm", "trange"]

PLACES = 6  # behind the point, to which counts that are no whole numbers are right


class tqdm(_tqdm.tqdm):  # type: ignore[misc]
    """A bar of tqdm that also is a node: its description names it, its postfix is the message.

    All of tqdm's arguments, and: `node_id`: None: the next one from 1 on that is free, so each bar is a node of its own;
    `reporter`: None: the environment's (`defaults.default_reporter`), and where there is none, it is tqdm's bar
    alone. A bar that is not shown (`disable=True`) reports, too. The node ends with the bar; an exception that leaves
    the loop or the `with` block fails it, as `tracking.track` says.
    """

    n: float  # tqdm's own count

    def __init__(
        self,
        iterable: Any = None,
        desc: str | None = None,
        total: float | None = None,
        *arguments: Any,
        node_id: int | None = None,
        reporter: ProgressReporter | None = None,
        **options: Any,
    ) -> None:
        self._node: Node | None = None  # until the bar has ended
        self._is_iterated = False  # a loop takes the rows, and counts them
        self._left: Node | None = None  # whose loop was left; a `with` around it may learn by what
        self._named_by: str | None = None  # the description that is the node's name
        super().__init__(iterable, desc, total, *arguments, **options)
        reporter = reporter or default_reporter()
        if reporter is not None:
            self._node = reporter.node(node_id, desc or "")
            self._note()
            self._node.begin_loop()

    def __iter__(self) -> Iterator[Any]:
        node = self._node
        if node is None:
            yield from super().__iter__()
            return
        loop = Loop(sys._getframe().f_back)
        self._is_iterated = True
        try:
            for row in super().__iter__():
                yield row
                node.row_count += 1
        except GeneratorExit:
            self._node, self._left = None, node
            node.leave(loop.left(sys._getframe().f_back))
            raise
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self.n = node.row_count  # tqdm does not count for a bar that is not shown
            self._is_iterated = False
        self._end(None)

    def update(self, n: float = 1) -> Any:
        if self.disable:  # tqdm's own counts only what is shown, and looks at nothing else
            try:
                self.n += n
            except TypeError:
                pass
        shown = super().update(n)
        self._note()
        return shown

    def refresh(self, *arguments: Any, **options: Any) -> Any:
        self._note()
        return super().refresh(*arguments, **options)

    def reset(self, total: float | None = None) -> None:
        super().reset(total)
        self._note()

    def close(self) -> None:
        if not getattr(self, "_is_iterated", False):  # else the loop knows how it ended
            self._end(None)
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(error)
        if self._left is not None:
            self._left.leave_by(error)
        super().__exit__(kind, error, trace)

    def __del__(self) -> None:
        node = getattr(self, "_node", None)
        if node is not None and not self._is_iterated:  # nobody closed it
            self._note()
            self._node = None
            how = Loop(None).left(sys._getframe().f_back)
            node.leave(Left.UNKNOWN if how is Left.IN_ORDER else how)
        super().__del__()

    def _end(self, error: BaseException | None) -> None:
        node = getattr(self, "_node", None)
        if node is not None:
            self._note()
            self._node = None
            node.end(error)

    def _note(self) -> None:
        """What the bar shows, as the node says it."""
        node = getattr(self, "_node", None)
        if node is None:
            return
        if not self._is_iterated:
            node.row_count = _whole(self.n, node.row_count)
        node.row_total = _whole(self.total, None)
        desc, postfix = getattr(self, "desc", None), getattr(self, "postfix", None)
        if desc is not self._named_by:
            self._named_by = desc
            node.name = (desc or "").removesuffix(": ") or node.name
        node.message = text_of(postfix) if postfix else ""


def trange(*arguments: Any, **options: Any) -> tqdm:
    """`tqdm(range(*arguments), **options)`."""
    return tqdm(range(*arguments), **options)


def _whole(number: Any, otherwise: Any) -> Any:
    """The number without what stands behind its point; `otherwise` for what is no finite number, since a bar that is not shown takes anything.

    A count of parts that is a whole one but for its rounding is that one: ten times 0.1 are 1.
    """
    if type(number) is int:
        return number
    try:
        return int(round(number, PLACES))
    except (TypeError, ValueError, OverflowError):
        return otherwise
