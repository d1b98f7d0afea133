"""A function whose calls are nodes: what `ProgressReporter.step` makes."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from progress_lib.node import Node

Function = Callable[..., Any]
NewNode = Callable[[], Node]


def around_calls(function: Function, node: NewNode) -> Function:
    """The function with a node around each call, which ends with the coroutine or generator, where the call makes one."""
    import inspect  # takes 8 ms, which most programs need not pay

    wrap = _around_function
    if inspect.iscoroutinefunction(function):
        wrap = _around_coroutine
    elif inspect.isgeneratorfunction(function):
        wrap = _around_generator
    elif inspect.isasyncgenfunction(function):
        wrap = _around_async_generator
    return functools.wraps(function)(wrap(function, node))


def _around_function(function: Function, node: NewNode) -> Function:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        with node():
            return function(*arguments, **options)

    return wrapped


def _around_coroutine(function: Function, node: NewNode) -> Function:
    async def wrapped(*arguments: Any, **options: Any) -> Any:
        with node():
            return await function(*arguments, **options)

    return wrapped


def _around_generator(function: Function, node: NewNode) -> Function:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        with node():
            return (yield from function(*arguments, **options))

    return wrapped


def _around_async_generator(function: Function, node: NewNode) -> Function:
    async def wrapped(*arguments: Any, **options: Any) -> Any:
        with node():
            async with contextlib.aclosing(function(*arguments, **options)) as items:
                step = anext(items)
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    try:
                        step = items.asend((yield item))
                    except Exception as error:
                        step = items.athrow(error)

    return wrapped
