"""What we reach for inside gevent's sockets: a new version that lacks it fails here."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.socket
import pytest

from web.serving.gevent_sockets import is_ready, raw


@pytest.fixture(params=[socket.socketpair, gevent.socket.socketpair], ids=["threads", "gevent"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any]]:
    make: Callable[[], tuple[Any, Any]] = request.param
    ours, other = make()
    with ours, other:
        yield ours, other
    gevent.get_hub().destroy()


def test_the_socket_within_never_waits(pair: tuple[Any, Any]) -> None:
    with pytest.raises(BlockingIOError):
        raw(pair[0]).recv(1, socket.MSG_DONTWAIT)


def test_a_socket_is_ready_when_something_came_or_there_is_room(pair: tuple[Any, Any]) -> None:
    ours, other = pair
    assert not is_ready(ours, select.POLLIN, 0.01)
    assert is_ready(ours, select.POLLOUT, 10)
    other.sendall(b"x")
    assert is_ready(ours, select.POLLIN, 10)


def test_a_socket_is_ready_at_its_end_too(pair: tuple[Any, Any]) -> None:
    ours = pair[0]
    raw(ours).shutdown(socket.SHUT_RDWR)
    assert is_ready(ours, select.POLLIN, 10)
    assert is_ready(ours, select.POLLOUT, 10)
