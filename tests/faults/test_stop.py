"""A stop of a web server loses no request: what it took is answered, and what it did not take is refused at once."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections import Counter

import pytest

from tests.harness import Product, StartProduct, eventually

POSTERS = 8


class Poster(threading.Thread):
    """Makes jobs one after another, each over a connection of its own, until it is refused."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self.product, self.token = product, product.token()
        self.ends: Counter[str] = Counter()

    def run(self) -> None:
        while "ConnectionRefusedError" not in self.ends:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self.product.api_port, timeout=30.0
            )
            body = b'{"name": "a", "graph": {"nodes": [], "edges": []}}'
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            try:
                connection.request("POST", "/api/jobs", body, headers)
                self.ends[str(connection.getresponse().status)] += 1
            except OSError as error:
                self.ends[type(error).__name__] += 1
            except http.client.HTTPException as error:
                self.ends[type(error).__name__] += 1
            finally:
                connection.close()


@pytest.mark.faults
@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_requests_that_come_while_a_server_stops_are_answered_or_refused(
    worker_class: str, start_product: StartProduct
) -> None:
    product = start_product(worker_class=worker_class, SAMPLE_ORDERS="0", RUNNER="off")
    with product.websocket() as browser:
        posters = [Poster(product) for _ in range(POSTERS)]
        for poster in posters:
            poster.start()
        eventually(lambda: all(poster.ends["201"] > 5 for poster in posters))
        os.kill(product.pid, signal.SIGTERM)
        for poster in posters:
            poster.join(30.0)
            assert not poster.is_alive()
        browser.close()
    ends = sum((poster.ends for poster in posters), Counter[str]())
    assert ends.pop("ConnectionRefusedError") == POSTERS
    assert set(ends) == {"201"}, ends
