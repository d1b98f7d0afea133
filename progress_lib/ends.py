"""How work ended: what an exception means for a node, and how a loop was left."""

from __future__ import annotations

import signal
import threading
from enum import Enum
from opcode import opname
from types import CodeType, FrameType

_IN_ORDER = ("POP_TOP", "POP_ITER")  # with these `break` and `return` drop a loop's iterator
_GENERATOR, _ASYNC_GENERATOR = 0x20, 0x200  # flags of a generator's code
_SUSPENDED = ("YIELD_VALUE", "RESUME", "SEND")
_CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX", "SEND", "YIELD_VALUE", "RESUME")  # or awaits
# What drives a generator; one function may have several of them
_THROWS = frozenset({"throw", "athrow"})
_ASKS = _THROWS | {"send", "asend", "next", "anext", "__next__", "__anext__", "close", "aclose"}
_WRAPS = ("ASYNC_GEN_WRAP", "CALL_INTRINSIC_1")  # what a `yield` gives, and no `await`


def failure_of(error: BaseException | None) -> str | None:
    """Why work failed that `error` ended, for people; None where it did not fail.

    `sys.exit()` and `sys.exit(0)` are no failure, nor are `ctx.exit()` of Click and `typer.Exit()`, and neither is a generator whose consumer wants no more.
    """
    if error is None or isinstance(error, GeneratorExit):
        return None
    if isinstance(error, SystemExit) or _is_exit_of_click(error):
        code = error.code if isinstance(error, SystemExit) else getattr(error, "exit_code", None)
        if code in (None, 0):
            return None
        return f"exit code {code:d}" if isinstance(code, int) else text_of(code)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"{type(error).__name__}: {text}" if (text := text_of(error)) else type(error).__name__


def _is_exit_of_click(error: BaseException) -> bool:
    """Whether Click, or Typer, makes a `sys.exit` of it where its command ends. It is not imported for that."""
    kind = type(error)
    return kind.__name__ == "Exit" and kind.__module__.partition(".")[0] in ("click", "typer")


def text_of(value: object) -> str:
    """Its text; empty where its own `__str__` is wrong, which is no reason to end the program."""
    try:
        return str(value)
    except Exception as error:
        if is_of_signal(error):
            raise
        return ""


def shown(value: object) -> str:
    """What a wrong value is, for a sentence; Python writes no whole number of more than 4,300 digits."""
    try:
        return f"{value!r:.60}"
    except Exception as error:
        if is_of_signal(error):
            raise
        return f"a {type(value).__name__} that has no text"


def is_of_signal(error: BaseException) -> bool:
    """Whether the handler of a signal raised it, as a time limit does: then it is the program's own, wherever it came up. One that took itself away before is not known."""
    codes = set()
    trace = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_globals.get("__name__", "").startswith("progress_lib."):
            codes.add(trace.tb_frame.f_code)
        trace = trace.tb_next
    if not codes or threading.current_thread() is not threading.main_thread():
        return False
    return any(_code_of(signal.getsignal(n)) in codes for n in signal.valid_signals())


def _code_of(handler: object) -> CodeType | None:
    function = getattr(handler, "func", handler)  # of a partial
    if not hasattr(function, "__code__"):
        function = getattr(type(function), "__call__", None)  # noqa: B004 (of its class)
    return getattr(function, "__code__", None)


class Left(Enum):
    """How a loop ended before its rows did."""

    IN_ORDER = "break or return"
    BY_EXCEPTION = "an exception in its body"
    UNKNOWN = "its rows were given to a function, which took no more"


class Loop:
    """The `for` loop that takes a generator's rows, maybe through other generators.

    Python tells a generator that it is closed, not why; an exception on its way up is visible to nobody. But the frame that
    stands behind the generator shows at which instruction it is, and that tells `break` from an exception.
    """

    def __init__(self, frame: FrameType | None) -> None:
        """`frame`: the one that asks for the first row."""
        # by id, since to keep a frame would keep its variables alive: its code, and whether it is a `for` there
        self._frames: dict[int, tuple[CodeType, bool]] = {}
        while frame is not None:
            self._frames[id(frame)] = (frame.f_code, _instruction(frame) == "FOR_ITER")
            frame = frame.f_back if frame.f_code.co_flags & _GENERATOR else None

    def left(self, frame: FrameType | None) -> Left:
        """`frame`: the one that stands behind the generator while it is closed."""
        passed = 0  # flags of generators that are closed themselves, or into which an exception was thrown
        while frame is not None and _is_suspended(frame):
            passed |= frame.f_code.co_flags
            frame = frame.f_back
        if passed and frame is not None and _throws(frame):
            return Left.BY_EXCEPTION
        if frame is None or passed & _ASYNC_GENERATOR:
            return Left.UNKNOWN  # the event loop closes it, whoever took no more
        if _is_at_end_of_except(frame):  # until then the traceback held the loop's variables
            return Left.BY_EXCEPTION
        if _instruction(frame) in _IN_ORDER:
            return Left.IN_ORDER
        if _instruction(frame) == "FOR_ITER":
            return Left.UNKNOWN  # `zip` or the like took no more, or raised
        code, is_for = self._frames.get(id(frame), (None, False))
        if code is not frame.f_code:
            return Left.IN_ORDER  # a variable held the rows until its function returned
        return Left.BY_EXCEPTION if is_for else Left.UNKNOWN


def _is_suspended(frame: FrameType) -> bool:
    """Whether a generator is at its `yield`; an asynchronous one may be at an `await`, which raises what it waits for."""
    if frame.f_code.co_flags & _ASYNC_GENERATOR:
        at = _instruction(frame)
        return at in _SUSPENDED and _instruction(frame, 2 if at == "RESUME" else 1) in _WRAPS
    return bool(frame.f_code.co_flags & _GENERATOR) and _instruction(frame) in _SUSPENDED


def _throws(frame: FrameType) -> bool:
    """Whether the frame behind a generator throws an exception into it, as Twisted, Tornado, SimPy and contextlib do."""
    if _instruction(frame) not in _CALLS or _THROWS.isdisjoint(frame.f_code.co_names):
        return False
    import dis  # 3 ms, for those few alone

    before = (one for one in dis.get_instructions(frame.f_code) if one.offset < frame.f_lasti)
    asked = [one.argval for one in before if one.argval in _ASKS]
    return bool(asked) and asked[-1] in _THROWS


def _is_at_end_of_except(frame: FrameType) -> bool:
    """Whether an `except` block is just over, or clears its name: POP_EXCEPT, LOAD_CONST None, STORE …"""
    if _instruction(frame) == "POP_EXCEPT":
        return True
    return (
        _instruction(frame).startswith("STORE_")
        and _instruction(frame, 1) == "LOAD_CONST"
        and _instruction(frame, 2) == "POP_EXCEPT"
    )


def _instruction(frame: FrameType, back: int = 0) -> str:
    """The name of the instruction that the frame is at, or of one before it."""
    code = frame.f_code.co_code
    place = frame.f_lasti
    while place > 0 and opname[code[place]] == "CACHE":  # of FOR_ITER, as Python 3.12 has it
        place -= 2
    place -= 2 * back  # two bytes each, in CPython
    return opname[code[place]] if place >= 0 else ""
