"""The end of a listener: who connected gets in, who comes later is refused, and nobody is reset."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import closing
from errno import ECONNREFUSED

import pytest

from tests.harness import eventually
from web.serving.listeners import Ending, keep_newcomers_out, let_in_who_waits


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as server:
        yield server


def _begin_to_connect(listener: socket.socket) -> socket.socket:
    client = socket.socket(listener.family)
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
    return client


def _is_connected(client: socket.socket) -> bool:
    try:
        client.getpeername()
    except OSError:
        return False
    return True


def test_who_connected_is_let_in_and_who_comes_later_is_refused(listener: socket.socket) -> None:
    early = [_begin_to_connect(listener) for _ in range(3)]
    eventually(lambda: all(map(_is_connected, early)))
    ending, let_in = Ending(), []
    ending.begin()
    let_in_who_waits(listener, lambda: let_in.append(listener.accept()[0]), ending)
    late = _begin_to_connect(listener)
    listener.close()
    for client, accepted in zip(early, let_in, strict=True):
        with closing(client), closing(accepted):
            client.setblocking(True)
            accepted.sendall(b"welcome")
            assert client.recv(100) == b"welcome"
    with closing(late):  # asks again after a second
        eventually(lambda: late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == ECONNREFUSED)


def test_a_client_that_comes_in_the_last_moment_is_not_connected(listener: socket.socket) -> None:
    keep_newcomers_out(listener)
    with closing(_begin_to_connect(listener)) as client:
        assert not _is_connected(client)


def test_a_worker_that_ends_alone_keeps_nobody_from_the_others(listener: socket.socket) -> None:
    let_in_who_waits(listener, listener.accept, Ending())
    with closing(_begin_to_connect(listener)) as client:
        eventually(lambda: _is_connected(client))


def test_the_end_of_a_server_is_seen_by_what_it_forked() -> None:
    ending = Ending()
    process = multiprocessing.get_context("fork").Process(target=ending.begin)
    process.start()
    process.join()
    assert ending.has_begun()
