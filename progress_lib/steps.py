"""A function whose calls are nodes: what `ProgressReporter.step` makes."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from progress_lib.node import Node


def around_calls(function: Callable[..., Any], node: Callable[[], Node]) -> Any:
    """The function with a node around each call, which ends with the coroutine or generator, where the call makes one."""
    import inspect  # takes 8 ms, which most programs need not pay

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*arguments: Any, **options: Any) -> Any:
            with node():
                return await function(*arguments, **options)

        return awaited
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generated(*arguments: Any, **options: Any) -> Any:
            with node():
                return (yield from function(*arguments, **options))

        return generated
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def asynchronous(*arguments: Any, **options: Any) -> Any:
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

        return asynchronous

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        with node():
            return function(*arguments, **options)

    return called
