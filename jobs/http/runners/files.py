"""Asks runners for the files of a tenant. The side that answers is jobs/run/files/service.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Self

from jobs.http.problems import Problem, unavailable
from jobs.http.runners.foreign import WhyNotOurs, check_ours, nobody_elses
from jobs.http.runners.takers import BUSY, nobody_shown
from jobs.store.runs.runners import Takers
from jobs.work.fair_shares import FairPlaces
from jobs.work.file_questions import (
    ANSWER_WAIT,
    END_OF_UPLOAD,
    FINISH_WAIT,
    Document,
    files_subject,
    packed,
    piece_bytes,
    unpacked,
)
from progress_lib.nats.link import Link, NatsAway, NatsError

# Uploads and downloads of a web worker at a time; each holds a thread under gthread
TRANSFERS = 8

Read = Callable[[int], bytes]

_NOBODY = "no runner answered: files lie on the disks of runners"
_AWAY = "files are asked for over NATS, which is away"
_NOT_TOLD = "the runner did not say whether it has the whole file: look whether it is there"


class FileRequests:
    """Asks runners, and moves the bytes of files between them and clients. Any thread may call."""

    def __init__(
        self,
        link: Link,
        takers: Callable[[], Takers] = nobody_shown,
        *,
        has_many_tenants: bool,
        why_not_ours: WhyNotOurs = nobody_elses,
    ) -> None:
        self._link = link
        self._takers = takers
        self._why_not_ours = why_not_ours
        self._places = FairPlaces(TRANSFERS, has_many_tenants=has_many_tenants)

    def ask(self, tenant_id: str, question: Document) -> Document:
        """What a runner answers. Raises Problem: with the runner's own status, 503 where none answers."""
        check_ours(self._why_not_ours)
        return self._piece(files_subject(tenant_id), json.dumps(question).encode())[0]

    def upload(
        self, tenant_id: str, path: str, size: int, read: Read, *, replace: bool
    ) -> Document:
        """Takes `size` bytes from `read` into a file: what it is now. Raises Problem, and what `read` raises.

        Of a file that did not come as a whole nothing stays.
        """
        question = {"do": "write", "path": path, "size": size, "replace": replace}
        with _Place(self._places, tenant_id):
            session = self.ask(tenant_id, question)["session"]
            is_done = False
            try:
                self._send(session, size, read)
                told = self._piece(session, END_OF_UPLOAD, FINISH_WAIT, _NOT_TOLD)[0]
                is_done = True
                return told
            finally:
                if not is_done:
                    self._drop(session)

    def _send(self, session: str, size: int, read: Read) -> None:
        at, most = 0, piece_bytes(self._link.max_payload)
        while at < size:
            content = read(min(most, size - at))
            if not content:
                raise Problem(400, f"the body ended after {at:,} of {size:,} bytes")
            self._piece(session, packed({"at": at}, content))
            at += len(content)

    def download(self, tenant_id: str, path: str) -> tuple[Document, Pieces]:
        """What the file is, and its bytes, which must be closed. Raises Problem."""
        place = _Place(self._places, tenant_id)
        place.take()
        try:
            found = self.ask(tenant_id, {"do": "read", "path": path})
        except BaseException:
            place.give_back()
            raise
        session = found["session"]

        def read(at: int) -> bytes:
            return self._piece(session, packed({"at": at}))[1]

        def end() -> None:
            self._drop(session)
            place.give_back()

        return found, Pieces(read, end, found["size"])

    def _drop(self, session: str) -> None:
        """The runner forgets the transfer; where this is lost, it does so by itself."""
        self._link.publish(session, packed({"drop": True}))

    def _piece(
        self, subject: str, payload: bytes, wait: float = ANSWER_WAIT, unanswered: str = ""
    ) -> tuple[Document, bytes]:
        """What a runner answers. Raises Problem; `unanswered` is what it says where none does within `wait` seconds, and behind that NATS is away."""
        try:
            answer = self._link.request(subject, payload, wait).payload
        except NatsAway:
            raise unavailable("; ".join(filter(None, (_AWAY, unanswered)))) from None
        except NatsError:
            nobody = BUSY if self._takers().is_any_there else _NOBODY
            raise unavailable(unanswered or nobody) from None
        about, content = unpacked(answer)
        if "message" in about:
            status = int(about["status"])
            headers = {"Retry-After": "2"} if status == 503 else None
            raise Problem(status, str(about["message"]), headers=headers)
        return about, content


class Pieces:
    """The bytes of a file, from the first one on or from where `seek` says: what werkzeug needs to send a part of them."""

    def __init__(self, read: Callable[[int], bytes], end: Callable[[], None], size: int) -> None:
        """`read`: what stands at a byte and behind it. `end`: lets go of the file; harmless when repeated."""
        self._read = read
        self._size = size
        self._at = 0
        self.close = end

    def seekable(self) -> bool:
        return True

    def seek(self, at: int) -> None:
        self._at = at

    def tell(self) -> int:
        return self._at

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._at >= self._size:
            raise StopIteration
        content = self._read(self._at)[: self._size - self._at]
        if not content:
            raise OSError("the file became shorter while it was read")
        self._at += len(content)
        return content


class _Place:
    """One of the places for transfers; given back once, however often that is asked."""

    def __init__(self, places: FairPlaces, tenant_id: str) -> None:
        self._places = places
        self._tenant_id = tenant_id
        self._is_held = False

    def take(self) -> None:
        """Raises Problem (503) where all are taken."""
        if not self._places.take(self._tenant_id):
            raise unavailable("too many files are being transferred; try again in a moment")
        self._is_held = True

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._places.give_back(self._tenant_id)

    def __enter__(self) -> _Place:
        self.take()
        return self

    def __exit__(self, *error: object) -> None:
        self.give_back()
