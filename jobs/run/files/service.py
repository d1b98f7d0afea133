"""Answers web workers that ask for the files of a tenant, on threads of its own. The side that asks is jobs/http/runners/files.py."""

import json
import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from jobs.run.files.listing import Page, data_sizes, listed, looked_at, told
from jobs.run.files.places import Place, Reach, Refused, opened_file
from jobs.run.files.uploads import ENDED, Upload
from jobs.sandbox.allowance import Allowance, NotAllowed
from jobs.work.fair_shares import FairPlaces, FairQueue
from jobs.work.file_questions import (
    ANSWER_WAIT,
    END_OF_UPLOAD,
    FINISH_WAIT,
    IDLE,
    Document,
    packed,
    piece_bytes,
    session_subject,
    unpacked,
)
from progress_lib.nats.link import Link, Message, Subscription
from settings.defaults import UploadSettings

LOG = logging.getLogger(__name__)

THREADS = 3
THREADS_EACH = 2  # of one tenant, so that one is left for others
WAITING = 64  # messages, of a piece of a file at most. When full, the answer is "busy"
TRANSFERS = 16  # uploads and downloads of a runner at a time
LOOK_PERIOD = 5.0  # seconds between two looks for transfers that stand still
MOST_COUNTED = 100_000  # files of a tenant whose sizes are added up
COUNTED_FOR = 2.0  # seconds; of a root that is larger or slower, only a part counts
MB = 1 << 20


class Files:
    """Lists, reads and writes files for tenants. One thread calls `start` and `stop`."""

    def __init__(
        self,
        link: Link,
        data_dir: Path,
        allowance: Allowance,
        uploads: UploadSettings | None,
        idle: float = IDLE,
    ) -> None:
        self._link = link
        self._data_dir = data_dir
        self._allowance = allowance
        self._most = uploads.upload_mb * MB if uploads else 0  # bytes of an upload; 0: none
        self._most_in_all = uploads.total_mb * MB if uploads else 0
        self._idle = idle  # seconds
        self._key = secrets.token_hex(8)  # of this runner, in the subjects of its transfers
        self._waiting: FairQueue[Message] = FairQueue(WAITING, THREADS_EACH)
        self._places = FairPlaces(TRANSFERS, has_many_tenants=allowance.has_many_tenants)
        self._lock = threading.Lock()
        self._transfers: dict[str, _Transfer] = {}  # (lock) by subject
        self._subscriptions: list[Subscription] = []
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"files-{number}", daemon=True)
            for number in range(THREADS)
        ]
        self._threads.append(threading.Thread(target=self._keep, name="files-keeper", daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._subscriptions = [
            self._link.subscribe("tenant.*.files", self._take, group="files"),
            self._link.subscribe(f"tenant.*.files.{self._key}.*", self._take),
        ]

    def drain(self) -> None:
        """Begins nothing new: transfers at work go on. Harmless when repeated."""
        if len(self._subscriptions) == 2:
            self._link.unsubscribe(self._subscriptions.pop(0))

    def stop(self) -> None:
        """Ends all transfers; of what was not complete nothing stays."""
        self.drain()
        self._stopping.set()
        for subscription in self._subscriptions:
            self._link.unsubscribe(subscription)
        self._subscriptions = []
        for message in self._waiting.close():
            self._say(message, _busy())
        for thread in self._threads:
            if thread.is_alive():
                thread.join(3.0)
        with self._lock:
            left = list(self._transfers)
        for subject in left:
            self._end(subject)

    # ---- link thread

    def _take(self, message: Message) -> None:
        if not self._waiting.put(message.subject.split(".")[1], message):
            self._say(message, _busy())

    # ---- own threads

    def _work(self) -> None:
        while (turn := self._waiting.take()) is not None:
            tenant_id, message, waited = turn
            try:
                if waited < _patience(message):  # else nobody waits for the answer
                    self._say(message, self._answer(tenant_id, message))
            except Exception:
                LOG.exception("an answer about a file is not sent")
            finally:
                self._waiting.done(tenant_id)

    def _answer(self, tenant_id: str, message: Message) -> bytes:
        try:
            transfer = self._transfer(message.subject)
            if transfer is not None:
                return self._next_piece(transfer, message)
            if message.subject.count(".") > 2:
                raise Refused(410, ENDED)
            return json.dumps(self._begin(tenant_id, json.loads(message.payload))).encode()
        except Refused as refused:
            return _told(refused.status, str(refused))
        except NotAllowed as error:
            return _told(403, str(error))
        except OSError as error:
            LOG.warning("a file of tenant %s: %s", tenant_id, error)
            return _told(409, f"the file cannot be used: {error.strerror or error}")
        except Exception:
            LOG.exception("a question about a file failed")
            return _told(500, "the runner failed; its log has the details")

    def _begin(self, tenant_id: str, question: Document) -> Document:
        reach = Reach.of(tenant_id, self._data_dir, self._allowance)
        path, wanted = str(question["path"]), question["do"]
        if wanted == "list":
            page = Page(question["after"], question["limit"], question["search"])
            return {**listed(reach, path, page), "uploadBytes": self._most}
        if wanted == "look":
            return looked_at(reach, path)
        if wanted == "read":
            return self._begin_reading(tenant_id, reach.place(path))
        return self._begin_writing(tenant_id, reach, question)

    def _begin_reading(self, tenant_id: str, place: Place) -> Document:
        descriptor = opened_file(place)
        found = os.fstat(descriptor)
        session = self._add(_Transfer(tenant_id, file=descriptor, size=found.st_size))
        return {**told(place, found), "session": session}

    def _begin_writing(self, tenant_id: str, reach: Reach, question: Document) -> Document:
        size = int(question["size"])
        self._check_size(tenant_id, reach, size)
        place = reach.place(str(question["path"]))
        upload = Upload(place, size, replace=question["replace"] is True)
        session = self._add(_Transfer(tenant_id, upload=upload, size=size))
        return {"session": session}

    def _check_size(self, tenant_id: str, reach: Reach, size: int) -> None:
        """Raises Refused for a file that is too large by itself, or beside what the tenant has and is uploading."""
        if not self._most:
            raise Refused(403, "uploads are off here (UPLOAD_MB=0)")
        if size > self._most:
            raise Refused(413, f"an upload has {self._most // MB:,} MB at most (UPLOAD_MB)")
        with self._lock:
            coming = [
                one.size
                for one in self._transfers.values()
                if one.tenant_id == tenant_id and one.upload
            ]
        if (
            sum(data_sizes(reach, MOST_COUNTED, COUNTED_FOR)) + sum(coming) + size
            > self._most_in_all
        ):
            raise Refused(
                507,
                f"with it, the files would have more than {self._most_in_all // MB:,} MB (UPLOAD_TOTAL_MB): "
                "have some removed",
            )

    def _add(self, transfer: "_Transfer") -> str:
        if not self._places.take(transfer.tenant_id):
            transfer.close()
            raise Refused(503, "too many files are being transferred; try again in a moment")
        subject = session_subject(transfer.tenant_id, self._key, secrets.token_hex(16))
        with self._lock:
            self._transfers[subject] = transfer
        return subject

    def _transfer(self, subject: str) -> "_Transfer | None":
        with self._lock:
            return self._transfers.get(subject)

    def _next_piece(self, transfer: "_Transfer", message: Message) -> bytes:
        about, content = unpacked(message.payload)
        is_over = True
        try:
            with transfer.lock:
                transfer.moved_at = time.monotonic()
                if about.get("drop"):
                    return packed({})
                if about.get("end") and transfer.upload:
                    return json.dumps(transfer.upload.finish()).encode()
                answer = transfer.piece(int(about.get("at", 0)), content, self._link.max_payload)
                is_over = False
                return answer
        finally:
            if is_over:
                self._end(message.subject)

    def _end(self, subject: str) -> None:
        with self._lock:
            transfer = self._transfers.pop(subject, None)
        if transfer is not None:
            with transfer.lock:
                transfer.close()
            self._places.give_back(transfer.tenant_id)

    def _keep(self) -> None:
        """(keeper thread) Ends transfers whose web worker has gone."""
        while not self._stopping.wait(min(LOOK_PERIOD, self._idle)):
            since = time.monotonic() - self._idle
            with self._lock:
                still = [key for key, one in self._transfers.items() if one.moved_at < since]
            for subject in still:
                self._end(subject)

    def _say(self, message: Message, payload: bytes) -> None:
        if message.reply:
            self._link.publish(message.reply, payload)


@dataclass(slots=True)
class _Transfer:
    """An upload or a download at work. Whoever uses it holds `lock`."""

    tenant_id: str
    size: int
    upload: Upload | None = None
    file: int | None = None  # the descriptor of a download
    moved_at: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def piece(self, at: int, content: bytes, max_payload: int) -> bytes:
        """Writes a piece, or reads one. Raises Refused and OSError."""
        if self.upload is not None:
            self.upload.write(at, content)
            return packed({"at": at + len(content)})
        if self.file is None:
            raise Refused(410, ENDED)
        return packed({"at": at}, os.pread(self.file, piece_bytes(max_payload), at))

    def close(self) -> None:
        if self.upload is not None:
            self.upload.close()
        if self.file is not None:
            os.close(self.file)
            self.file = None


def _told(status: int, message: str) -> bytes:
    return json.dumps({"status": status, "message": message}).encode()


def _patience(message: Message) -> float:
    """Seconds that who asks waits for the answer."""
    return FINISH_WAIT if message.payload == END_OF_UPLOAD else ANSWER_WAIT


def _busy() -> bytes:
    return _told(503, "the runner is busy with other files; try again in a moment")
