"""JobRealtimeService in Chromium, against a small server that speaks just enough of the protocol."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from playwright.sync_api import Page
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.harness import eventually

Received = list[tuple[int, dict[str, Any]]]  # (number of the connection, message)


class TinyServer:
    """Takes every connection, notes what it says, and does with it what the test asks."""

    def __init__(self) -> None:
        self.offered: list[str] = []  # Sec-WebSocket-Protocol of each handshake
        self.received: Received = []
        self.open: list[ServerConnection] = []
        self.refuses = False
        self._admitted = 0
        self._server = serve(
            self._talk,
            "127.0.0.1",
            0,
            process_request=self._admit,
            subprotocols=["progress.v1"],  # type: ignore[list-item]
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="tiny server")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/ws"

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.offered.append(request.headers["Sec-WebSocket-Protocol"])
        if self.refuses:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no")
        self._admitted += 1
        return None

    def _talk(self, connection: ServerConnection) -> None:
        self.open.append(connection)
        number = len(self.open)
        try:
            for text in connection:
                self.received.append((number, json.loads(text)))
        except ConnectionClosed:
            pass

    @property
    def newest(self) -> ServerConnection:
        """The connection that the browser made last; it may know of it a moment before we do."""
        eventually(lambda: len(self.open) == self._admitted)
        return self.open[-1]

    def say(self, message: object) -> None:
        self.newest.send(message if isinstance(message, str) else json.dumps(message))

    def hang_up(self, code: int, reason: str = "") -> None:
        self.newest.close(code, reason)

    def close(self) -> None:
        self._server.shutdown()
        for connection in self.open:
            connection.close_socket()
        self._thread.join(5.0)


@pytest.fixture
def server() -> Iterator[TinyServer]:
    tiny = TinyServer()
    yield tiny
    tiny.close()


START = """async ([url, token, checkStatus, options]) => {
  window.service?.dispose();
  const { JobRealtimeService } = await import('/realtime/job-realtime-service.js');
  window.fetch = async () => { window.checks += 1; return { status: checkStatus }; };
  window.checks = 0;
  window.tokens = [].concat(token);
  const next = () => (window.tokens.length > 1 ? window.tokens.shift() : window.tokens[0]);
  window.service = new JobRealtimeService({ url, token: next, random: () => 0, ...options });
  window.log = { states: [], progress: [], status: [], errors: [] };
  service.onState((state) => log.states.push(state));
  window.stopProgress = service.onProgress((event) => log.progress.push(event));
  service.onStatus((event) => log.status.push(event));
  service.onError((error) => log.errors.push(error));
}"""


def start(
    page: Page,
    server: TinyServer,
    token: str | list[str] = "t",
    check: int = 200,
    **options: Any,
) -> None:
    page.evaluate(START, [server.url, token, check, options])


def subscribe(page: Page, job_id: int) -> None:
    page.evaluate("(jobId) => service.subscribeToJob(jobId)", job_id)


def logged(page: Page, what: str) -> Any:
    return page.evaluate(f"log.{what}")


def jwt(expires_in: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + expires_in}).encode())
    return f"x.{claims.decode().rstrip('=')}.y"


def progress(job_id: int, rows: int) -> dict[str, Any]:
    payload = {"nodeId": 1, "nodeName": "n", "status": "running", "rowCount": rows, "message": ""}
    return {"type": "job.progress", "jobId": job_id, "payload": payload}


SUBSCRIBE_42 = {"action": "subscribe", "jobId": 42, "more": True}
SUBSCRIBE_43 = {"action": "subscribe", "jobId": 43, "more": True}


def test_it_connects_with_the_token_as_a_subprotocol_and_then_subscribes(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, "abc.def.ghi")
    assert modules.evaluate("service.state") == "disconnected"
    subscribe(modules, 42)
    assert modules.evaluate("service.state") == "connected"
    assert server.offered == ["progress.v1, bearer.abc.def.ghi"]
    eventually(lambda: server.received == [(1, SUBSCRIBE_42)])
    assert logged(modules, "states") == ["connecting", "connected"]


def test_its_address_may_be_written_as_the_pages_own(modules: Page) -> None:
    """Of https://… the token went to http://…, in the clear, where the server was asked whether it takes it."""
    asked = modules.evaluate(
        """async (urls) => {
      window.service?.dispose(); // of the test before: it would ask as well
      const { JobRealtimeService } = await import('/realtime/job-realtime-service.js');
      const { WebSocket, fetch } = window;
      const asked = [];
      window.fetch = async (url) => { asked.push(String(url)); return { status: 401 }; };
      window.WebSocket = class {
        constructor(url) { asked.push(url); setTimeout(() => this.onclose({ code: 1006, reason: '' })); }
        close() {}
      };
      for (const url of urls) {
        const service = new JobRealtimeService({ url, token: 't' });
        await service.subscribeToJob(1).catch(() => undefined);
        service.dispose();
      }
      Object.assign(window, { WebSocket, fetch });
      return asked.map((url) => url.replace(location.host, 'page'));
    }""",
        ["https://a.example/x/ws", "wss://a.example/x/ws", "/ws"],
    )
    safe = ["wss://a.example/x/ws", "https://a.example/x/api/session"]
    assert asked == [*safe, *safe, "ws://page/ws", "http://page/api/session"]


def test_progress_and_status_reach_their_listeners_until_these_stop_listening(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server)
    subscribe(modules, 42)
    server.say(progress(42, 1))
    server.say(progress(99, 1))  # nobody asked for it
    server.say("{not json")
    server.say({"type": "job.status", "jobId": 42, "payload": {"runId": "a", "status": "queued"}})
    server.say({"type": "error", "code": "odd", "message": "an odd request"})
    modules.wait_for_function("log.errors.length > 0")
    assert [event["rowCount"] for event in logged(modules, "progress")] == [1]
    assert [event["runId"] for event in logged(modules, "status")] == ["a"]
    assert logged(modules, "errors") == [
        {"code": "odd", "message": "an odd request", "jobId": None, "final": False}
    ]
    modules.evaluate("stopProgress()")
    server.say(progress(42, 2))
    server.say({"type": "job.status", "jobId": 42, "payload": {"runId": "a", "status": "running"}})
    modules.wait_for_function("log.status.length > 1")
    assert len(logged(modules, "progress")) == 1


def test_a_listener_that_throws_harms_nobody_else(modules: Page, server: TinyServer) -> None:
    start(modules, server)
    modules.evaluate("""() => {
      window.reportError = (error) => { window.reported = error.message };
      service.onProgress(() => { throw new Error('mine'); });
      service.onProgress((event) => { window.second = event.rowCount });
    }""")
    subscribe(modules, 42)
    server.say(progress(42, 7))
    modules.wait_for_function("window.second === 7")
    assert modules.evaluate("reported") == "mine"


@pytest.mark.parametrize("code", [1001, 1011, 4001, 4002, 4499])
def test_after_a_lost_connection_every_job_is_subscribed_again(
    modules: Page, server: TinyServer, code: int
) -> None:
    start(modules, server)
    subscribe(modules, 42)
    subscribe(modules, 43)
    server.hang_up(code)
    again = [(2, SUBSCRIBE_42), (2, SUBSCRIBE_43)]
    eventually(lambda: [one for one in server.received if one[0] == 2] == again)
    want = ["connecting", "connected", "disconnected", "connecting", "connected"]
    assert logged(modules, "states") == want
    server.say(progress(42, 1))
    modules.wait_for_function("log.progress.length === 1")  # one listener, called once


@pytest.mark.parametrize("code", [4500, 4501, 4999])
def test_a_final_close_code_ends_reconnecting_and_says_so(
    modules: Page, server: TinyServer, code: int
) -> None:
    start(modules, server)
    subscribe(modules, 42)
    server.hang_up(code, "enough")
    modules.wait_for_function("log.errors.length > 0")
    assert logged(modules, "errors")[0]["final"] is True
    reason = modules.evaluate("service.reason")
    assert (reason["final"], reason["retryAt"]) == (True, None)
    modules.evaluate("dispatchEvent(new Event('online'))")
    assert modules.evaluate("service.state") == "disconnected"
    assert len(server.offered) == 1


def test_an_expired_token_is_replaced_when_there_is_a_newer_one(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, ["old", "new"])
    subscribe(modules, 42)
    server.hang_up(4501, "token expired")
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)
    assert server.offered[1] == "progress.v1, bearer.new"
    assert logged(modules, "errors") == []


def test_while_an_expired_token_is_replaced_jobs_come_and_go_as_always(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, "old")
    subscribe(modules, 42)
    modules.evaluate(
        "() => { window.tokens = [new Promise((resolve) => { window.renew = resolve; })]; }"
    )
    server.hang_up(4501, "token expired")
    modules.wait_for_function("service.state === 'connecting'")
    modules.evaluate(
        """() => {
          window.sent = service.subscribeToJob(43);
          service.unsubscribeFromJob(42);
          dispatchEvent(new Event('offline'));
          renew('new');
          return sent;
        }"""
    )
    eventually(lambda: server.received == [(1, SUBSCRIBE_42), (2, SUBSCRIBE_43)])
    assert server.offered[1] == "progress.v1, bearer.new"


def test_a_token_that_does_not_come_or_cannot_be_fetched_is_asked_for_again(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server)
    modules.evaluate(
        """() => {
          const { setTimeout } = window;
          window.setTimeout = (work, wait) => {
            if (wait === 10_000) window.setTimeout = setTimeout; // the first one's deadline
            return setTimeout(work, wait === 10_000 ? 1 : wait);
          };
          const offline = { then: (_, reject) => reject(new Error('offline')) };
          window.tokens = [new Promise(() => undefined), offline, 't'];
          window.reasons = [];
          service.onState((state, reason) => reasons.push(reason?.code ?? state));
          service.subscribeToJob(42);
        }"""
    )
    eventually(lambda: server.received == [(1, SUBSCRIBE_42)])
    again = ["connecting", "token_not_told"]
    assert modules.evaluate("reasons") == [*again, *again, "connecting", "connected"]
    assert logged(modules, "errors") == []


def test_what_is_no_token_is_not_sent_and_asked_for_again(
    modules: Page, server: TinyServer
) -> None:
    """As a gateway's page, where the request for a token failed for a moment: it ended the connection for good."""
    page = "<html>502 Bad Gateway</html>"
    start(modules, server, [page, "good\n", page, "newer"])
    subscribe(modules, 42)
    assert server.offered == ["progress.v1, bearer.good"]
    modules.evaluate("service.renewToken()")
    modules.evaluate("service.renewToken()")
    eventually(lambda: (1, {"action": "auth", "token": "newer"}) in server.received)
    assert [message["action"] for _, message in server.received] == ["subscribe", "auth"]
    assert logged(modules, "errors") == []


@pytest.mark.parametrize(
    ("token", "is_final"), [("'Bearer a.b.c'", True), ("() => '\"a.b.c\"'", False)]
)
def test_what_is_no_token_is_said_to_be_none_and_a_text_stays_so(
    modules: Page, server: TinyServer, token: str, is_final: bool
) -> None:
    """It was said that the token could not be fetched, and tried for ever."""
    told = modules.evaluate(
        f"""async (url) => {{
          const {{ JobRealtimeService }} = await import('/realtime/job-realtime-service.js');
          const service = new JobRealtimeService({{ url, token: {token} }});
          service.subscribeToJob(42).catch(() => undefined);
          await new Promise((resolve) => service.onState(resolve));
          const {{ message, final }} = service.reason;
          service.dispose();
          return [message.split(':')[0], final];
        }}""",
        server.url,
    )
    assert told == ["What was given as the token is none", is_final]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_told_from_a_server_that_is_away(
    modules: Page, server: TinyServer, status: int
) -> None:
    server.refuses = True
    start(modules, server, check=status)
    refused = modules.evaluate("service.subscribeToJob(42).catch((error) => error.message)")
    assert refused == "The server does not accept the token."
    assert logged(modules, "errors")[0]["code"] == "token_refused"
    assert (len(server.offered), modules.evaluate("checks")) == (1, 1)


def test_a_server_that_is_away_is_tried_until_it_is_there(
    modules: Page, server: TinyServer
) -> None:
    server.refuses = True
    start(modules, server, check=503)
    modules.evaluate("() => { window.sent = service.subscribeToJob(42); }")
    eventually(lambda: len(server.offered) >= 3)
    server.refuses = False
    modules.evaluate("sent")
    assert logged(modules, "errors") == []
    eventually(lambda: [message for _, message in server.received] == [SUBSCRIBE_42])


def test_whether_a_token_has_expired_is_for_the_server_to_say(
    modules: Page, server: TinyServer
) -> None:
    """A machine whose clock is hours ahead took each token for expired, and never asked the server."""
    start(modules, server, jwt(expires_in=-3600))
    subscribe(modules, 42)
    assert logged(modules, "errors") == []
    server.refuses = True
    start(modules, server, jwt(expires_in=-3600), check=401)
    modules.evaluate("service.subscribeToJob(42).catch(() => undefined)")
    modules.wait_for_function("log.errors.length === 1")
    assert logged(modules, "errors")[0]["code"] == "token_expired"
    assert len(server.offered) == 2
    start(modules, server, jwt(expires_in=-3600), tokenCheckUrl=None)  # nobody is asked
    why_not = """(work) => new Promise((resolve) => {
      service.onState((state, reason) => reason !== null && resolve(reason.code));
      work();
    }).finally(() => service.dispose())"""
    subscribing = "() => service.subscribeToJob(42).catch(() => undefined)"
    code = modules.evaluate(f"({why_not})({subscribing})")
    assert (code, len(server.offered), modules.evaluate("checks")) == ("token_expired", 3, 0)
    server.refuses = False
    start(modules, server, jwt(expires_in=-3600), tokenCheckUrl=None)
    subscribe(modules, 42)
    server.refuses = True  # as while it restarts: the clock was wrong of this token before
    assert modules.evaluate(f"({why_not})(() => service.reconnect())") == "unreachable"


def test_coming_online_or_into_sight_connects_at_once(modules: Page, server: TinyServer) -> None:
    start(modules, server)
    subscribe(modules, 42)
    modules.evaluate("dispatchEvent(new Event('online'))")  # the old socket may be dead
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)
    modules.evaluate("""() => {
      const { setTimeout } = window;
      window.setTimeout = (work, wait) => { window.asked = wait; return setTimeout(work, 3_600_000); };
      window.restore = () => { window.setTimeout = setTimeout; };
    }""")
    server.hang_up(4001)
    modules.wait_for_function("service.state === 'disconnected'")
    modules.evaluate("() => { restore(); document.dispatchEvent(new Event('visibilitychange')); }")
    eventually(lambda: (3, SUBSCRIBE_42) in server.received)


def test_a_stale_socket_is_not_heard(modules: Page, server: TinyServer) -> None:
    start(modules, server)
    subscribe(modules, 42)
    old = server.newest
    modules.evaluate("service.reconnect()")
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)
    try:
        old.send(json.dumps(progress(42, 666)))
    except ConnectionClosed:
        pass
    server.say(progress(42, 1))
    modules.wait_for_function("log.progress.length > 0")
    assert [event["rowCount"] for event in logged(modules, "progress")] == [1]


def test_disconnect_ends_it_and_a_new_subscription_starts_it_again(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server)
    subscribe(modules, 42)
    modules.evaluate("service.disconnect()")
    assert modules.evaluate("service.state") == "disconnected"
    eventually(lambda: server.newest.close_code is not None)
    subscribe(modules, 43)
    eventually(lambda: server.received[-1] == (2, SUBSCRIBE_43))
    assert (2, SUBSCRIBE_42) not in server.received


def test_an_unsubscribed_job_is_not_heard_and_not_asked_for_again(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server)
    subscribe(modules, 42)
    subscribe(modules, 43)
    modules.evaluate("service.unsubscribeFromJob(42)")
    server.say(progress(42, 1))
    server.say(progress(43, 2))
    modules.wait_for_function("log.progress.length > 0")
    assert [event["jobId"] for event in logged(modules, "progress")] == [43]
    server.hang_up(4001)
    eventually(lambda: (2, SUBSCRIBE_43) in server.received)
    assert (2, SUBSCRIBE_42) not in server.received


# ---------------------------------------------------------------- tokens that are renewed, networks that change


def test_a_newer_token_is_handed_over_on_the_connection_that_is_there(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, ["first", "second"])
    subscribe(modules, 42)
    modules.evaluate("service.renewToken()")
    eventually(lambda: (1, {"action": "auth", "token": "second"}) in server.received)
    modules.evaluate("service.renewToken()")  # the same again: nothing to say
    subscribe(modules, 43)
    eventually(lambda: server.received[-1] == (1, SUBSCRIBE_43))
    assert len(server.received) == 3
    assert (len(server.offered), logged(modules, "states")) == (1, ["connecting", "connected"])


def test_a_token_that_is_long_in_coming_does_not_follow_a_newer_one(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, ["first", "second", "third"])
    subscribe(modules, 42)
    modules.evaluate(
        """async () => {
          let answer;
          tokens[0] = new Promise((resolve) => (answer = resolve));
          const renewals = [service.renewToken(), Promise.resolve().then(() => service.renewToken())];
          setTimeout(() => answer('second'));
          await Promise.all([...renewals, service.renewToken()]);
        }"""
    )
    eventually(lambda: len(server.received) == 3)
    assert [message.get("token") for _, message in server.received] == [None, "second", "third"]


def test_a_newer_token_that_is_refused_on_this_connection_opens_the_next_one(
    modules: Page, server: TinyServer
) -> None:
    """As one for another job: when the old one expired, the newer one was told to have expired, for good."""
    start(modules, server, ["first", "second"])
    modules.evaluate(
        """async () => {
          const { WatchedJob } = await import('/realtime/watched-job.js');
          window.watch = (jobId) => new WatchedJob(service, jobId, () => undefined);
          window.watched = [watch(42)];
          window.nodeCounts = () => watched.map((one) => one.view().nodes.length);
        }"""
    )
    eventually(lambda: (1, SUBSCRIBE_42) in server.received)
    server.say(progress(42, 7))
    modules.wait_for_function("nodeCounts().join() === '1'")
    auth = (1, {"action": "auth", "token": "second"})
    modules.evaluate("service.renewToken()")
    eventually(lambda: auth in server.received)
    server.say({"type": "error", "code": "bad_token", "message": "it is for another tenant"})
    modules.wait_for_function("log.errors.length === 1")
    modules.evaluate("() => { watched.push(watch(43)); }")  # it did not hear of the refusal
    server.say(progress(43, 7))
    modules.wait_for_function("nodeCounts().join() === '1,1'")
    modules.evaluate("service.renewToken()")  # not once more: it would be refused again
    server.hang_up(4501, "token expired")
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)
    assert server.received.count(auth) == 1
    assert server.offered[1] == "progress.v1, bearer.second"
    assert [error["final"] for error in logged(modules, "errors")] == [False]
    modules.wait_for_function("service.state === 'connected'")
    assert modules.evaluate("nodeCounts()") == [0, 0]  # another tenant's job 42 is another one
    modules.evaluate("watched.forEach((one) => one.close())")


def test_a_token_is_renewed_by_itself_before_it_expires(modules: Page, server: TinyServer) -> None:
    start(modules, server, [jwt(expires_in=30), "newer"])
    modules.evaluate("""() => {
      const { setTimeout } = window;
      window.setTimeout = (work, wait) => setTimeout(work, wait === 15_000 ? 1 : wait);
      window.restore = () => { window.setTimeout = setTimeout; };
    }""")
    modules.evaluate("service.subscribeToJob(42).catch(() => undefined)")
    eventually(lambda: any(m.get("token") == "newer" for _, m in server.received))
    modules.evaluate("restore()")


def test_a_silent_connection_is_asked_and_replaced_when_it_does_not_answer(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, askAfter=100, answerWait=2_000)
    subscribe(modules, 42)
    server.say(progress(42, 1))
    eventually(lambda: server.received.count((1, SUBSCRIBE_42)) >= 2)
    server.say(progress(42, 2))  # the answer: all is well
    modules.wait_for_function("log.progress.length === 2")
    assert len(server.open) == 1
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)  # and now none came


def test_a_job_that_never_spoke_is_asked_for_too(modules: Page, server: TinyServer) -> None:
    start(modules, server, askAfter=200, answerWait=200)
    subscribe(modules, 42)
    eventually(lambda: (1, SUBSCRIBE_42) in server.received)
    server.say({"type": "server.state", "payload": {"nats": "ok", "since": 5}})
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)  # asked, and no answer came


def test_a_connection_on_which_nothing_was_heard_yet_is_given_up_where_http_gets_no_answer(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, check=404, askAfter=60_000, answerWait=300)
    subscribe(modules, 42)
    eventually(lambda: server.received == [(1, SUBSCRIBE_42)])
    modules.evaluate("dispatchEvent(new Event('offline'))")
    modules.wait_for_function("checks === 1")
    modules.evaluate("dispatchEvent(new Event('offline'))")  # the doubt of before is over
    modules.wait_for_function("checks === 2")
    assert len(server.open) == 1, "the server is there, and may be one that says nothing"
    modules.evaluate(
        """() => {
          window.fetch = async () => { throw new TypeError('offline'); };
          dispatchEvent(new Event('offline'));
        }"""
    )
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)


def test_a_machine_that_slept_or_whose_clock_was_set_connects_anew(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, askAfter=50)
    subscribe(modules, 42)
    modules.evaluate(
        "() => { const now = Date.now; window.wake = () => { Date.now = now; }; Date.now = () => now() + 3_600_000; }"
    )
    eventually(lambda: (2, SUBSCRIBE_42) in server.received)
    assert len(server.open) == 2
    modules.evaluate("wake()")  # for an hour it would ask nothing of a connection that may be dead
    eventually(lambda: (3, SUBSCRIBE_42) in server.received)


# ---------------------------------------------------------------- where WebSockets are blocked

HTTP_SERVER = """() => {
  const encoder = new TextEncoder();
  const json = (body, status = 200, headers = {}) => new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
  window.stored = true;
  window.asked = [];
  window.runs = [{ runId: 'r1' }];
  window.busy = false;
  window.full = false;
  window.looks = [];
  window.ended = true;
  window.refusing = false;
  window.foreign = window.say = window.hangUp = undefined; // of the test before, as the page is shared
  window.fetch = async (address, { headers } = {}) => {
    const { pathname } = new URL(address);
    asked.push(`${pathname} ${headers.Authorization}`);
    if (window.refusing) return json({}, 401);
    if (pathname.endsWith('/room')) return json({}, full ? 503 : 204);
    if (window.foreign && pathname.endsWith(`/${foreign}/runs`)) return json({ detail: 'not yours' }, 403);
    if (pathname.endsWith('/runs')) return stored ? json({ runs }) : json({}, 404);
    if (pathname.endsWith('/events')) {
      looks.push(performance.now());
      if (busy) return json({}, 503, { 'Retry-After': '1' });
      return new Response(new ReadableStream({ start(stream) {
        window.say = (message) => stream.enqueue(encoder.encode(`data: ${JSON.stringify(message)}\\n\\n`));
        window.hangUp = () => stream.close();
      } }));
    }
    if (pathname.endsWith('/runs/r1')) {
      const nodes = [{ nodeId: 1, nodeName: 'n', status: 'completed', rowCount: 9, message: '' }];
      return json({ runId: 'r1', lastStatus: { runId: 'r1', status: ended ? 'completed' : 'running', reason: null, ts: 9 }, nodes });
    }
    return json({ jobs: [] });
  };
}"""


def start_blocked(page: Page, server: TinyServer, **options: Any) -> None:
    server.refuses = True
    start(page, server, "t", **options)
    page.evaluate(HTTP_SERVER)


def test_where_websockets_are_blocked_the_same_comes_over_http(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    subscribe(modules, 42)
    modules.wait_for_function("service.state === 'connected' && window.say !== undefined")
    assert modules.evaluate("service.transport") == "http"
    assert len(server.offered) == 2
    modules.evaluate("(message) => say(message)", progress(42, 5))
    ended = {"type": "job.status", "jobId": 42, "payload": {"runId": "r1", "status": "completed"}}
    modules.evaluate("(message) => { say(message); hangUp(); }", ended)
    modules.wait_for_function("log.status.length === 1")
    assert [event["rowCount"] for event in logged(modules, "progress")] == [5]
    assert "/api/runs/r1/events Bearer t" in modules.evaluate("asked")


def test_where_a_websocket_is_held_back_and_http_answers_http_is_used_after_one(
    modules: Page, server: TinyServer
) -> None:
    """As by Firefox, for up to a minute, once the server is back after minutes: the page stayed offline meanwhile."""
    start_blocked(modules, server)
    used = modules.evaluate(
        """async () => {
          const { setTimeout, WebSocket } = window;
          let tried = 0;
          window.WebSocket = class { constructor() { tried += 1; } close() {} };
          window.setTimeout = (work, wait) => setTimeout(work, wait === 10_000 ? 100 : wait);
          service.subscribeToJob(42);
          const end = performance.now() + 10_000;
          while (service.state !== 'connected' && performance.now() < end) await new Promise(requestAnimationFrame);
          Object.assign(window, { setTimeout, WebSocket });
          return [service.state, service.transport, tried];
        }"""
    )
    assert used == ["connected", "http", 1]


def test_a_job_that_is_subscribed_while_http_comes_up_is_followed(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate(
        """() => {
          const { fetch } = window;
          const first = new Promise((go) => { window.answer = go; });
          window.fetch = async (address, options) => {
            if (address.pathname === '/api/jobs/42/runs') await first;
            return fetch(address, options);
          };
          window.sent = service.subscribeToJob(42);
        }"""
    )
    modules.wait_for_function("service.transport === 'http'")
    assert modules.evaluate("service.state") == "connecting"
    modules.evaluate("() => { window.sent = [sent, service.subscribeToJob(43)]; }")
    modules.wait_for_function("asked.some((address) => address.startsWith('/api/jobs/43/runs'))")
    modules.evaluate("() => { answer(); return Promise.all(sent); }")


def test_what_comes_over_http_comes_from_the_server_of_the_websocket(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server, tokenCheckUrl="https://auth.example/me")
    modules.evaluate(
        """() => {
          window.addresses = [];
          const { fetch } = window;
          window.fetch = (address, options) => (addresses.push(String(address)), fetch(address, options));
        }"""
    )
    subscribe(modules, 42)
    modules.wait_for_function("window.say !== undefined")
    http = server.url.replace("ws://", "http://").removesuffix("ws")
    others = [one for one in modules.evaluate("addresses") if not one.startswith(f"{http}api/")]
    assert set(others) == {"https://auth.example/me"}
    assert f"{http}api/runs/r1/events?more=1" in modules.evaluate("addresses")


def test_a_run_without_a_stream_to_spare_is_asked_for(modules: Page, server: TinyServer) -> None:
    start_blocked(modules, server)
    modules.evaluate("() => { window.busy = true; }")
    subscribe(modules, 42)
    modules.wait_for_function("log.status.length === 1")
    assert logged(modules, "progress")[0]["rowCount"] == 9


def test_a_server_with_no_stream_to_spare_is_asked_again_when_it_said_so(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate("() => { window.busy = true; window.ended = false; }")
    subscribe(modules, 42)
    modules.wait_for_function("looks.length >= 3")
    first, second, third = modules.evaluate("looks.slice(0, 3)")
    assert min(second - first, third - second) >= 1_000  # Retry-After
    assert modules.evaluate("[service.state, service.isLooking]") == ["connected", True]
    modules.evaluate("() => { window.busy = false; }")
    modules.wait_for_function("window.say !== undefined && !service.isLooking")


def test_a_server_without_room_is_told_from_websockets_that_are_blocked(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate("() => { window.full = true; }")
    subscribe(modules, 42)
    modules.wait_for_function("window.say !== undefined")
    assert modules.evaluate("[service.transport, service.detour]") == ["http", "full"]
    assert len(server.offered) == 1  # no need to try twice
    server.refuses = False
    modules.evaluate("service.reconnect()")
    modules.wait_for_function("service.transport === 'websocket'")
    assert modules.evaluate("service.detour") is None


def test_over_http_a_job_that_is_not_stored_is_not_asked_for_as_a_run(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate("() => { window.stored = false; }")
    subscribe(modules, 42)
    modules.wait_for_function("service.state === 'connected'")
    modules.evaluate("() => new Promise((done) => setTimeout(done))")
    asked = [address for address in modules.evaluate("asked") if "/runs/" in address]
    assert asked == []


def test_what_the_server_says_of_itself_and_of_runs_without_a_status_is_told(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server)
    subscribe(modules, 42)
    eventually(lambda: server.received == [(1, SUBSCRIBE_42)])
    modules.evaluate(
        """() => {
          window.told = [];
          service.onServer((state) => told.push(state));
          service.onSeen((event) => told.push(event));
        }"""
    )
    away = {"nats": "away", "since": 5}
    seen = {"runId": None, "began": 1.0, "heard": 2.0}
    server.say({"type": "server.state", "payload": {"nats": "gone fishing"}})  # not known: not told
    server.say({"type": "server.state", "payload": away})
    server.say({"type": "job.seen", "jobId": 42, "payload": seen})
    modules.wait_for_function("told.length === 2")
    assert modules.evaluate("told") == [away, {"jobId": 42, **seen}]
    assert modules.evaluate("service.serverState") == away
    server.hang_up(4001)
    modules.wait_for_function("service.state === 'connected' && service.serverState.nats === 'ok'")


def test_all_jobs_in_short_are_heard_by_who_asked_and_asked_for_again(
    modules: Page, server: TinyServer
) -> None:
    start(modules, server, "t")
    modules.evaluate(
        "() => { log.briefs = []; service.onBrief((brief) => log.briefs.push(brief)); }"
    )
    modules.evaluate("service.subscribeToAllJobs()")
    wanted = {"action": "subscribe", "jobId": "*", "more": True}
    eventually(lambda: (1, wanted) in server.received, what="all jobs are asked for")
    word = {"runId": "r", "status": "failed", "reason": "no disk", "ts": 5}
    server.say({"type": "job.brief", "jobId": 42, "payload": {"status": word, "heard": 7}})
    server.say({"type": "job.brief", "jobId": 43, "payload": {"status": None, "untold": True}})
    told = {"status": {**word, "status": "odd"}, "heard": 8, "untold": True}
    server.say({"type": "job.brief", "jobId": 44, "payload": told})
    modules.wait_for_function("log.briefs.length === 2")
    first, second = logged(modules, "briefs")
    assert first["status"] == {**word, "jobId": 42, "aliveEvery": None, "aliveAt": None}
    assert (first["jobId"], first["heard"], first["untold"]) == (42, 7, False)
    assert second == {"jobId": 44, "status": None, "heard": 8, "untold": True}
    assert logged(modules, "status") == []
    server.hang_up(1011)
    eventually(lambda: (2, wanted) in server.received, what="it is asked for again")
    modules.evaluate("service.unsubscribeFromAllJobs()")
    gone = {"action": "unsubscribe", "jobId": "*"}
    eventually(lambda: (2, gone) in server.received, what="no more of it")


def test_over_http_a_job_that_the_token_may_not_see_is_refused_and_the_others_go_on(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate("() => { window.foreign = 43; }")
    subscribe(modules, 43)
    modules.wait_for_function("log.errors.length === 1")
    refusal = {"code": "forbidden", "message": "not yours", "jobId": 43, "final": False}
    assert logged(modules, "errors") == [refusal]
    subscribe(modules, 42)
    modules.wait_for_function("window.say !== undefined")
    modules.evaluate("(message) => say(message)", progress(42, 5))
    modules.wait_for_function("log.progress.length === 1")
    asked = [path for path in modules.evaluate("asked") if "/43/" in path]
    assert len(asked) == 1, "it is not asked for again"


def test_of_all_jobs_in_short_nothing_comes_over_http_and_the_connection_says_that_it_is_there(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate("service.subscribeToAllJobs()")
    modules.wait_for_function("service.state === 'connected'")
    assert modules.evaluate("service.transport") == "http"
    assert not [path for path in modules.evaluate("asked") if "*" in path]


def test_a_stream_that_is_cut_off_is_a_lost_connection_that_comes_back(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    subscribe(modules, 42)
    modules.wait_for_function("window.say !== undefined")
    modules.evaluate("() => { const end = hangUp; window.say = undefined; end(); }")
    modules.wait_for_function("window.say !== undefined && service.state === 'connected'")
    assert logged(modules, "states")[-3:] == ["disconnected", "connecting", "connected"]
    server.refuses = False  # and a WebSocket is taken again where one is to be had
    modules.evaluate("service.reconnect()")
    eventually(lambda: (1, SUBSCRIBE_42) in server.received)
    modules.wait_for_function("service.transport === 'websocket'")


def test_a_websocket_that_takes_over_from_http_ends_what_the_server_said_there(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate(
        """async () => {
          const { WatchedJob } = await import('/realtime/watched-job.js');
          window.watched = new WatchedJob(service, 42, () => undefined);
        }"""
    )
    modules.wait_for_function("window.say !== undefined")
    away = {"type": "server.state", "payload": {"nats": "away", "since": 5}}
    modules.evaluate("(message) => say(message)", away)
    modules.wait_for_function("watched.view().isStale && service.state === 'connected'")
    server.refuses = False
    modules.evaluate("service.reconnect()")
    eventually(lambda: (1, SUBSCRIBE_42) in server.received)
    server.say({"type": "server.state", "payload": {"nats": "ok", "since": 9}})
    server.say(progress(42, 1))
    modules.wait_for_function("log.progress.length === 1")
    view = modules.evaluate("() => { watched.close(); return watched.view(); }")
    assert (view["isStale"], view["problem"]) == (False, "")
    assert logged(modules, "states")[-2:] == ["connected", "connected"], "a snapshot follows"


def test_over_http_what_the_server_said_of_itself_ends_with_the_last_stream(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate(
        """() => {
          window.told = [];
          service.onServer(({ nats }) => told.push(nats));
        }"""
    )
    subscribe(modules, 42)
    away = {"type": "server.state", "payload": {"nats": "away", "since": 5}}
    ended = {"type": "job.status", "jobId": 42, "payload": {"runId": "r1", "status": "completed"}}
    streams = "window.say !== undefined && service.state === 'connected'"
    modules.wait_for_function(streams)
    modules.evaluate("(message) => say(message)", away)
    modules.wait_for_function("told.length === 1")
    modules.evaluate("() => { const end = hangUp; window.say = undefined; end(); }")
    modules.wait_for_function(streams)  # again: it was cut off
    modules.evaluate("(messages) => messages.forEach(say)", [away, ended])
    modules.wait_for_function("log.status.length === 1")
    assert modules.evaluate("told") == ["away", "away"]
    modules.evaluate("hangUp()")
    modules.wait_for_function("told.length === 3")
    now = modules.evaluate("[told[2], service.serverState.nats, service.state]")
    assert now == ["ok", "ok", "connected"]


def test_a_stream_whose_head_does_not_come_is_a_lost_connection(
    modules: Page, server: TinyServer
) -> None:
    start_blocked(modules, server)
    modules.evaluate(
        """() => {
          const { fetch, setTimeout } = window;
          window.fetch = (address, options) => {
            if (!address.pathname?.endsWith('/events')) return fetch(address, options);
            window.fetch = fetch;
            window.setTimeout = (work, wait) => {
              window.setTimeout = setTimeout;
              window.patience = wait;
              return setTimeout(work, 1);
            };
            return new Promise(() => undefined);
          };
        }"""
    )
    subscribe(modules, 42)
    modules.wait_for_function("window.say !== undefined && service.state === 'connected'")
    assert modules.evaluate("patience") == 25_000
    assert logged(modules, "states")[-3:] == ["disconnected", "connecting", "connected"]


def test_a_job_that_is_looked_at_for_long_over_http_leaves_no_listeners_behind(
    modules: Page,
) -> None:
    modules.evaluate(HTTP_SERVER)
    left = modules.evaluate(
        """async () => {
          const { HttpFollower } = await import('/realtime/http-follower.js');
          const { setTimeout } = window;
          const { addEventListener, removeEventListener } = AbortSignal.prototype;
          const listeners = new Set();
          AbortSignal.prototype.addEventListener = function (kind, listener, ...rest) {
            listeners.add(listener);
            addEventListener.call(this, kind, listener, ...rest);
          };
          AbortSignal.prototype.removeEventListener = function (kind, listener) {
            listeners.delete(listener);
            removeEventListener.call(this, kind, listener);
          };
          window.setTimeout = (work, wait) => setTimeout(work, wait === 2_000 ? 0 : wait);
          window.runs = [];
          const looked = new Promise((done) => {
            const { fetch } = window;
            window.fetch = (...request) => (asked.length === 9 ? done() : undefined, fetch(...request));
          });
          const base = 'http://127.0.0.1/';
          const follower = new HttpFollower({ base, token: () => 't', onUp: () => undefined, onLooking: () => undefined });
          follower.add(42);
          await looked;
          const left = listeners.size;
          follower.close();
          Object.assign(AbortSignal.prototype, { addEventListener, removeEventListener });
          window.setTimeout = setTimeout;
          return left;
        }"""
    )
    assert left <= 1, "that of the look under way"


def test_a_token_refused_over_http_is_told_and_ends_it(modules: Page, server: TinyServer) -> None:
    start_blocked(modules, server)
    subscribe(modules, 42)
    modules.wait_for_function("window.say !== undefined")
    modules.evaluate("() => { window.refusing = true; hangUp(); }")
    modules.wait_for_function("log.errors.length > 0")
    assert logged(modules, "errors")[0]["code"] == "token_refused"
    assert modules.evaluate("service.state") == "disconnected"
