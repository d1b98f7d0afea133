/**
 * JobRealtimeService: progress of jobs over one WebSocket that heals itself. No dependencies.
 *
 *   const service = new JobRealtimeService({ url: 'ws://host:8081/ws', token: () => currentToken() });
 *   const stop = service.onProgress((event) => console.log(event.nodeName, event.rowCount));
 *   await service.subscribeToJob(42);
 *
 * After each (re)connect every job is subscribed again and the server first sends what is now true, so a
 * listener needs no catching up of its own. A closed connection comes back after a jittered wait (backoff.js),
 * at once when the machine comes online, wakes up, or the page becomes visible; not at all when the server says
 * that coming back is useless (close codes 4500–4999, or a token that it refuses). A connection that is silent for
 * long is asked whether it still lives. Where WebSockets are blocked, or the server has no room for one more, the same
 * comes over HTTP (http-follower.js). A page of the server itself may have a session in place of a token (credentials.js).
 */

import { nextDelay } from './backoff.js';
import { expiryOf, headersOf, isExpired, isSpoilt, isThere, protocolsOf, renewalOf } from './credentials.js';
import { HttpFollower } from './http-follower.js';
import { parseMessage } from './messages.js';

export { expiryOf, isExpired };

const PROTOCOL = 'progress.v1';

/** In place of a job's number: all jobs of the token's tenant. */
const ALL_JOBS = '*';

/** Close codes in this range say that the same client need not come back. */
const FINAL_CODES = { from: 4500, to: 4999 };
const CODE_TOKEN_EXPIRED = 4501;

/** Milliseconds a connection must have held for its loss to count as the first failure, not one more. */
const STABLE_AFTER = 5_000;

/** Milliseconds; a server that accepts TCP and then says nothing counts as away, and so does whoever gives tokens. */
const OPEN_TIMEOUT = 10_000;

/** Failures to open a WebSocket, while HTTP works, after which WebSockets count as blocked; one that was not even refused counts as so many. */
const BLOCKED_AFTER = 2;

/** Milliseconds between two tries of a WebSocket while HTTP does its work, on average: where they are blocked, and where there is no room. */
const WEBSOCKET_AGAIN = 120_000;
const ROOM_AGAIN = 20_000;

/** Milliseconds between two looks at the clock and at the silence of the connection. */
const WATCH_PERIOD = 10_000;

/** Milliseconds between two looks that only a machine's sleep explains: hidden pages look once a minute. */
const SLEPT = 90_000;

/** Milliseconds without a message after which the connection is asked, and that its answer may take. */
const ASK_AFTER = 30_000;
const ANSWER_WAIT = 5_000;

/** Milliseconds before its end at which a token is renewed, or a tenth of what is left where that is more; and between two tries. */
const RENEW_BEFORE = 60_000;
const RENEW_AGAIN = 15_000;

/** As long as it says nothing else. */
const SERVER_IS_WELL = Object.freeze({ nats: 'ok', since: null });

/** The longest wait that setTimeout can count. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What was given as the token can be none. */
class NoToken extends Error {}

export class JobRealtimeService {
  #url;
  #readToken;
  #isTokenFixed; // it was given as a text, which cannot become another one
  #tokenCheckUrl;
  #random;
  #ask; // {after, wait}: see ASK_AFTER and ANSWER_WAIT

  #state = 'disconnected';
  #reason = null; // why not connected: {code, message, final, retryAt}
  #generation = 0; // one more for every attempt; whatever an older one still says is not heard
  #socket = null;
  #usedToken = null;
  #tokenBefore = null; // the one that `#usedToken` renewed on this connection
  #refusedToken = null; // that the server did not take in place of it
  #audience = 0; // see `audience`
  #renewal = Promise.resolve(); // the last one that began
  #nextRenewal = null; // the one that waits for its end
  #openedAt = 0;
  #failures = 0;
  #retryTimer = null;
  #openTimer = null;
  #renewTimer = null;
  #watchTimer = null;
  #askTimer = null; // while an answer is awaited
  #lookedAt = Date.now(); // by the wall clock, which goes on while a machine sleeps
  #heardAt = 0;
  #speaker = null; // the job that spoke last on this connection
  #answers = false; // the server answers each subscription, also of a job that never said anything
  #http = null; // the HttpFollower, while it stands in for the WebSocket
  #unopened = 0; // WebSockets in a row that did not open although HTTP works
  #isFull = false; // the server said that it has no room for one more WebSocket
  #isLooking = false; // over HTTP the record of a run is asked for from time to time, as there is no stream to spare
  #serverState = SERVER_IS_WELL;
  #stopped = false; // a final error was told; only the caller can start again

  #jobs = new Map(); // jobId → callers waiting for their subscription to be sent
  #listeners = { state: new Set(), progress: new Set(), status: new Set(), seen: new Set(), brief: new Set(), server: new Set(), error: new Set() };

  #roomUrl;

  constructor(
    {
      url,
      token,
      tokenCheckUrl = addressAt(url, '/api/session'),
      roomUrl = addressAt(url, '/api/room'),
      random = Math.random,
      askAfter = ASK_AFTER,
      answerWait = ANSWER_WAIT,
    },
  ) {
    this.#url = socketAddress(url);
    this.#ask = { after: askAfter, wait: answerWait };
    this.#isTokenFixed = typeof token === 'string';
    this.#readToken = typeof token === 'function' ? token : () => token;
    this.#tokenCheckUrl = tokenCheckUrl;
    this.#roomUrl = roomUrl;
    this.#random = random;
    globalThis.addEventListener?.('online', this.#onOnline);
    globalThis.addEventListener?.('offline', this.#onDoubt);
    connectionOfMachine()?.addEventListener?.('change', this.#onDoubt);
    globalThis.document?.addEventListener('visibilitychange', this.#onVisible);
    this.#watchTimer = setInterval(() => this.#watch(), Math.min(WATCH_PERIOD, askAfter));
  }

  /** 'disconnected' | 'connecting' | 'connected' */
  get state() {
    return this.#state;
  }

  /** Why there is no connection: {code, message, final, retryAt}, or null. `retryAt` is in Date.now() milliseconds. */
  get reason() {
    return this.#reason;
  }

  /** How messages come: 'websocket', or 'http' where WebSockets are blocked. */
  get transport() {
    return this.#http === null ? 'websocket' : 'http';
  }

  /** Why it comes over HTTP: 'blocked', or 'full' where the server has no room for one more WebSocket; null where it does not. */
  get detour() {
    if (this.#http === null) return null;
    return this.#isFull ? 'full' : 'blocked';
  }

  /** Over HTTP: true while the server has no stream to spare, and the run's record is asked for from time to time. */
  get isLooking() {
    return this.#http !== null && this.#isLooking;
  }

  /** What the server says of itself: {nats: 'ok' | 'away', since: epoch seconds or null}. Away, it hears of no news. */
  get serverState() {
    return this.#serverState;
  }

  /**
   * Grows when a connection is opened after one that did not take a newer token: it may be for something else, as for another tenant,
   * whose job 42 is another one. What was heard under an earlier number is not shown beside what comes now.
   */
  get audience() {
    return this.#audience;
  }

  /** Call `listener(state, reason)` at every change, also of how messages come. Returns its unsubscribe. */
  onState(listener) {
    return this.#listen('state', listener);
  }

  /** Call `listener(progressEvent)` for each progress message of the subscribed jobs. Returns its unsubscribe. */
  onProgress(listener) {
    return this.#listen('progress', listener);
  }

  /** Call `listener(statusEvent)` for each change of a run's status. Returns its unsubscribe. */
  onStatus(listener) {
    return this.#listen('status', listener);
  }

  /** Call `listener(seenEvent)` for the times of runs that no status tells of. Returns its unsubscribe. */
  onSeen(listener) {
    return this.#listen('seen', listener);
  }

  /** Call `listener(briefEvent)` for each job in short, once `subscribeToAllJobs` was called. Returns its unsubscribe. */
  onBrief(listener) {
    return this.#listen('brief', listener);
  }

  /** Call `listener(serverState)` when the server loses NATS, and when it has it back. Returns its unsubscribe. */
  onServer(listener) {
    return this.#listen('server', listener);
  }

  /** Call `listener({code, message, final})` for errors; final ones end reconnecting. Returns its unsubscribe. */
  onError(listener) {
    return this.#listen('error', listener);
  }

  /** Watch a job, connecting if need be. Resolves when the subscription was sent; rejects when that is over for good. */
  subscribeToJob(jobId) {
    if (!this.#jobs.has(jobId)) this.#jobs.set(jobId, []);
    if (this.#state === 'connected' || this.#http !== null) {
      this.#subscribe(jobId);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#jobs.get(jobId).push({ resolve, reject });
      this.#stopped = false;
      if (this.#state === 'disconnected' && this.#retryTimer === null) this.#connect();
    });
  }

  /**
   * Hear of all jobs of the tenant in short, as onBrief tells: those that run, and each change. Over HTTP nothing comes of it.
   */
  subscribeToAllJobs() {
    return this.subscribeToJob(ALL_JOBS);
  }

  unsubscribeFromAllJobs() {
    this.unsubscribeFromJob(ALL_JOBS);
  }

  /** Watch a job no longer. */
  unsubscribeFromJob(jobId) {
    const waiting = this.#jobs.get(jobId);
    if (waiting === undefined) return;
    this.#jobs.delete(jobId);
    if (this.#http !== null) this.#http.remove(jobId);
    else if (this.#state === 'connected') this.#send({ action: 'unsubscribe', jobId });
    if (this.#speaker === jobId) this.#speaker = null;
    for (const { reject } of waiting) reject(new Error(`job ${jobId} was unsubscribed before the connection opened`));
  }

  /** Try now instead of when the wait is over; also the way back after a final error, with a new token. */
  reconnect() {
    if (this.#jobs.size === 0) return;
    this.#failures = 0;
    this.#stopped = false;
    this.#connect();
  }

  /**
   * There is a newer token: hand it to the server on this connection, before the old one expires. One renewal at a time: an answer of
   * before does not come after a newer one. Who calls while another call waits shares its renewal.
   */
  renewToken() {
    this.#nextRenewal ??= this.#renewal.then(() => {
      this.#nextRenewal = null;
      this.#renewal = this.#renew();
      return this.#renewal;
    });
    return this.#nextRenewal;
  }

  async #renew() {
    const generation = this.#generation;
    const token = await this.#freshToken().catch(() => null);
    if (generation !== this.#generation || this.#state !== 'connected') return;
    if (isThere(token) && token !== this.#usedToken && token !== this.#refusedToken) {
      this.#tokenBefore = this.#usedToken;
      this.#usedToken = token;
      const renewal = renewalOf(token);
      if (this.#http === null && renewal !== null) this.#send({ action: 'auth', token: renewal });
    }
    this.#planRenewal();
  }

  /** Close the connection and forget all jobs. Listeners stay; subscribeToJob connects again. */
  disconnect() {
    const jobs = [...this.#jobs.values()].flat();
    this.#jobs.clear();
    this.#abandonSocket();
    this.#leaveHttp();
    this.#failures = 0;
    this.#enter('disconnected', null);
    for (const { reject } of jobs) reject(new Error('disconnected before the subscription was sent'));
  }

  /** disconnect(), and stop listening to the page's events: for a service that is thrown away. */
  dispose() {
    globalThis.removeEventListener?.('online', this.#onOnline);
    globalThis.removeEventListener?.('offline', this.#onDoubt);
    connectionOfMachine()?.removeEventListener?.('change', this.#onDoubt);
    clearInterval(this.#watchTimer);
    globalThis.document?.removeEventListener('visibilitychange', this.#onVisible);
    this.disconnect();
  }

  // ---- one attempt -------------------------------------------------------------------------------

  // `expired`: a token of which the server has said so; a newer one is tried.
  async #connect(expired = null) {
    this.#abandonSocket();
    const generation = this.#generation;
    if (this.#http === null) this.#enter('connecting', null);
    let token;
    try {
      token = await this.#freshToken();
    } catch (error) {
      return generation === this.#generation ? this.#onTokenNotTold(error) : undefined;
    }
    if (generation !== this.#generation) return;
    if (!isThere(token)) return this.#giveUp('no_token', 'There is no token to connect with.');
    if (token === expired) return this.#giveUp('token_expired', 'The token has expired.'); // whatever this machine's clock says of others
    this.#open(token, generation);
  }

  // Rejects where the caller's function does, does not answer, or gives what is none: a later try may bring one.
  async #freshToken() {
    const token = await inTime(this.#readToken(), OPEN_TIMEOUT);
    const told = typeof token === 'string' ? token.trim() : token;
    if (isSpoilt(told)) throw new NoToken('What was given as the token is none: a JWT has letters, digits, dots, dashes and underscores only.');
    return told;
  }

  #onTokenNotTold(error) {
    const message = error instanceof NoToken ? error.message : 'The token could not be fetched.';
    if (error instanceof NoToken && this.#isTokenFixed) this.#giveUp('bad_token', message);
    else if (this.#http === null) this.#retryLater('token_not_told', message);
    else this.#tryWebSocketLater(); // it goes on meanwhile
  }

  #open(token, generation) {
    const current = (handle) => (event) => {
      if (generation === this.#generation) handle(event);
    };
    this.#usedToken = token;
    if (this.#refusedToken !== null) this.#audience += 1;
    this.#tokenBefore = this.#refusedToken = null;
    try {
      this.#socket = new WebSocket(this.#url, [PROTOCOL, ...protocolsOf(token)]);
    } catch (error) {
      return this.#giveUp('bad_address', `Cannot open a connection: ${error.message}`);
    }
    this.#openTimer = setTimeout(current(() => this.#onNeverOpened({ isHeldBack: true })), OPEN_TIMEOUT);
    this.#socket.onopen = current(() => this.#onOpen());
    this.#socket.onmessage = current((event) => this.#onMessage(event.data));
    this.#socket.onclose = current((event) => this.#onClose(event));
    return undefined;
  }

  #onOpen() {
    clearTimeout(this.#openTimer);
    this.#leaveHttp();
    this.#unopened = 0;
    this.#openedAt = performance.now();
    this.#heardAt = Date.now();
    this.#speaker = null;
    this.#answers = false;
    this.#isFull = false;
    this.#serverState = SERVER_IS_WELL; // until it says otherwise, which it does first
    this.#become('connected', null); // told after HTTP, too: a snapshot follows, and what the server said of itself is over
    this.#planRenewal();
    this.#subscribeAll();
  }

  #subscribeAll() {
    for (const [jobId, waiting] of this.#jobs) {
      this.#subscribe(jobId);
      this.#jobs.set(jobId, []);
      for (const { resolve } of waiting) resolve();
    }
  }

  #subscribe(jobId) {
    if (this.#http === null) this.#send({ action: 'subscribe', jobId, more: true });
    else this.#http.add(jobId);
  }

  #onMessage(text) {
    this.#heardAt = Date.now();
    clearTimeout(this.#askTimer);
    this.#askTimer = null;
    const message = parseMessage(text);
    if (message === null) return;
    this.#speaker = message.event.jobId ?? this.#speaker;
    if (message.kind === 'error') return this.#onRefusal(message.event);
    if (message.kind === 'server') return this.#hearOfServer(message.event);
    if (this.#jobs.has(message.kind === 'brief' ? ALL_JOBS : message.event.jobId)) this.#tell(message.kind, message.event);
    return undefined;
  }

  // A token that the server does not take on this connection, as one for something else, may be right for the next one.
  #onRefusal(error) {
    if (error.code === 'bad_token' && this.#tokenBefore !== null) {
      this.#refusedToken = this.#usedToken;
      this.#usedToken = this.#tokenBefore;
      this.#tokenBefore = null;
      this.#planRenewal();
    }
    this.#tell('error', error);
  }

  // It says so at each subscription, too, which is no news.
  #hearOfServer(event) {
    const isNews = event.nats !== this.#serverState.nats;
    this.#answers = true;
    this.#serverState = event;
    if (isNews) this.#tell('server', event);
  }

  #onClose({ code, reason }) {
    const opened = this.#state === 'connected' && this.#http === null;
    this.#abandonSocket();
    if (!opened) return this.#onNeverOpened();
    if (performance.now() - this.#openedAt >= STABLE_AFTER) this.#failures = 0;
    if (code === CODE_TOKEN_EXPIRED) return this.#connect(this.#usedToken);
    if (code >= FINAL_CODES.from && code <= FINAL_CODES.to) {
      return this.#giveUp(`closed_${code}`, reason || `The server ended the connection (${code}).`);
    }
    return this.#retryLater(`closed_${code}`, reason || 'The connection was lost.');
  }

  // The browser does not tell a refused token, or a blocked WebSocket, from a server that is away: ask in a way that does. Where nobody
  // may be asked, and no connection ever opened, this machine's clock says whether the token has expired: it may be wrong, and then a
  // server that restarts would be given up for good. `isHeldBack`: nobody refused it. Firefox holds WebSockets back for up to a minute
  // after several that failed, also once the server is there again.
  async #onNeverOpened({ isHeldBack = false } = {}) {
    this.#abandonSocket();
    if (this.#http !== null) return this.#tryWebSocketLater(); // it goes on meanwhile
    const generation = this.#generation;
    const status = await this.#tokenCheck();
    if (generation !== this.#generation) return undefined;
    const isExpiredByClock = this.#tokenCheckUrl === null && this.#openedAt === 0 && isExpired(this.#usedToken);
    if (isExpiredByClock || status === 401 || status === 403) return this.#onTokenRefused();
    this.#unopened = status === 200 ? this.#unopened + (isHeldBack ? BLOCKED_AFTER : 1) : 0;
    if (status === 200) this.#isFull = await this.#isRoomless();
    if (generation !== this.#generation) return undefined;
    if (this.#isFull || this.#unopened >= BLOCKED_AFTER) return this.#goHttp();
    return this.#retryLater('unreachable', 'The server cannot be reached.');
  }

  #onTokenRefused() {
    if (isExpired(this.#usedToken)) this.#giveUp('token_expired', 'The token has expired.');
    else this.#giveUp('token_refused', 'The server does not accept the token.');
  }

  // Whether the server itself refuses one more WebSocket: then none is blocked on the way.
  async #isRoomless() {
    const status = await this.#statusOf(this.#roomUrl);
    return status === 503 || status === 429;
  }

  // The status of an HTTP call with the token; 0 without an answer.
  #tokenCheck() {
    return this.#statusOf(this.#tokenCheckUrl);
  }

  async #statusOf(url) {
    if (url === null) return 0;
    try {
      const headers = headersOf(this.#usedToken);
      const signal = AbortSignal.timeout(OPEN_TIMEOUT);
      return (await fetch(url, { headers, signal })).status;
    } catch {
      return 0;
    }
  }

  // ---- HTTP in place of a WebSocket ----------------------------------------------------------------

  #goHttp() {
    const follower = new HttpFollower({
      base: addressAt(this.#url, '/'), // the token check may be that of another server
      token: () => this.#freshToken(),
      onMessage: (text) => this.#onMessage(text),
      onUp: () => this.#enter('connected', null),
      onLooking: (isLooking) => {
        this.#isLooking = isLooking;
        this.#tell('state', this.#state, this.#reason);
      },
      onQuiet: () => this.#hearOfServer(SERVER_IS_WELL),
      onLost: (status, retryAfter) => this.#onHttpLost(status, retryAfter),
      random: this.#random,
    });
    this.#http = follower;
    this.#isLooking = false;
    this.#serverState = SERVER_IS_WELL;
    this.#subscribeAll();
    this.#tryWebSocketLater();
  }

  #onHttpLost(status, retryAfter) {
    this.#http = null;
    this.#abandonSocket();
    this.#unopened = BLOCKED_AFTER - 1; // no need to find out twice that WebSockets are blocked
    if (status === 401 || status === 403) return this.#onTokenRefused();
    return this.#retryLater('closed_http', 'The connection was lost.', retryAfter);
  }

  #leaveHttp() {
    this.#http?.close();
    this.#http = null;
  }

  #tryWebSocketLater() {
    clearTimeout(this.#retryTimer);
    const period = this.#isFull ? ROOM_AGAIN : WEBSOCKET_AGAIN;
    this.#retryTimer = setTimeout(() => this.#connect(), period * (0.5 + this.#random()));
  }

  // Well before its end the token is asked for again: a new one goes over this connection, which then lives on.
  #planRenewal() {
    clearTimeout(this.#renewTimer);
    const end = expiryOf(this.#usedToken);
    if (end === null || this.#state !== 'connected') return;
    const left = end - Date.now();
    const wait = Math.max(RENEW_AGAIN, left - Math.max(RENEW_BEFORE, left / 10));
    this.#renewTimer = setTimeout(() => this.renewToken(), Math.min(wait, LONGEST_TIMER));
  }

  // ---- between attempts --------------------------------------------------------------------------

  // Not before `least` milliseconds, which the server asked for.
  #retryLater(code, message, least = 0) {
    this.#failures += 1;
    const wait = least + nextDelay(this.#failures, this.#random);
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.#enter('disconnected', { code, message, final: false, retryAt: Date.now() + wait });
  }

  #giveUp(code, message) {
    this.#abandonSocket();
    this.#leaveHttp();
    this.#stopped = true;
    this.#enter('disconnected', { code, message, final: true, retryAt: null });
    this.#tell('error', { code, message, jobId: null, final: true });
    for (const [jobId, waiting] of this.#jobs) {
      this.#jobs.set(jobId, []);
      for (const { reject } of waiting) reject(new Error(message));
    }
  }

  // Ends the attempt under way, whatever its stage: from here on it is an older generation.
  #abandonSocket() {
    this.#generation += 1;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#openTimer);
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#askTimer);
    this.#retryTimer = null;
    this.#askTimer = null;
    this.#socket?.close();
    this.#socket = null;
  }

  // A socket from before the network changed may be dead without knowing it: a new one, and a snapshot, cost little.
  #onOnline = () => {
    if (!this.#stopped) this.reconnect();
  };

  // The network may have changed under the connection.
  #onDoubt = () => this.#askNow();

  #onVisible = () => {
    if (globalThis.document.visibilityState !== 'visible') return;
    if (this.#http === null && this.#retryTimer !== null) this.reconnect();
    else if (Date.now() - this.#heardAt >= this.#ask.after) this.#askNow();
  };

  #watch() {
    const now = Date.now();
    const slept = Math.abs(now - this.#lookedAt) >= SLEPT; // or its clock was set: heardAt says nothing then
    this.#lookedAt = now;
    if (this.#stopped || this.#jobs.size === 0) return;
    if (slept) this.reconnect();
    else if (now - this.#heardAt >= this.#ask.after && globalThis.document?.visibilityState !== 'hidden') this.#askNow();
  }

  // A subscription that is sent again is answered: by each server of today, by one of before if the job ever said anything.
  #askNow() {
    if (this.#state !== 'connected' || this.#http !== null || this.#askTimer !== null) return;
    const jobId = this.#jobs.has(this.#speaker) ? this.#speaker : this.#answers ? [...this.#jobs.keys()][0] : undefined;
    if (jobId === undefined) {
      this.#askOverHttp();
      return;
    }
    this.#send({ action: 'subscribe', jobId, more: true });
    this.#awaitAnswer();
  }

  // Of a server that has said nothing yet on this connection nobody knows whether it answers. That the network is gone, HTTP tells.
  async #askOverHttp() {
    if (this.#tokenCheckUrl === null) return;
    const timer = this.#awaitAnswer();
    if ((await this.#tokenCheck()) === 0 || timer !== this.#askTimer) return;
    clearTimeout(timer);
    this.#askTimer = null;
    this.#heardAt = Date.now();
  }

  #awaitAnswer() {
    this.#askTimer = setTimeout(() => this.#onNoAnswer(), this.#ask.wait);
    return this.#askTimer;
  }

  #onNoAnswer() {
    this.#abandonSocket();
    this.#connect();
  }

  // ---- listeners ---------------------------------------------------------------------------------

  #listen(kind, listener) {
    const entry = { listener }; // the same function may listen twice, and each has its own unsubscribe
    this.#listeners[kind].add(entry);
    return () => this.#listeners[kind].delete(entry);
  }

  // One listener's exception is its own: the others and the connection go on.
  #tell(kind, ...values) {
    for (const { listener } of [...this.#listeners[kind]]) {
      try {
        listener(...values);
      } catch (error) {
        globalThis.reportError(error);
      }
    }
  }

  #enter(state, reason) {
    if (state !== this.#state || reason !== this.#reason) this.#become(state, reason);
  }

  #become(state, reason) {
    this.#state = state;
    this.#reason = reason;
    this.#tell('state', state, reason);
  }

  #send(action) {
    this.#socket.send(JSON.stringify(action));
  }
}

/**
 * Tells when the machine goes from one network to another; not every browser has it.
 * @returns {EventTarget | undefined}
 */
function connectionOfMachine() {
  return globalThis.navigator?.['connection'];
}

/** What a promise gives; rejects where that takes longer than `most` milliseconds. */
function inTime(promise, most) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing in ${most} ms`)), most);
    Promise.resolve(promise).then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The WebSocket's address, also where it is given as the page has it: https://…, or relative to the page. */
function socketAddress(url) {
  const address = new URL(url, globalThis.location?.href);
  address.protocol = ['https:', 'wss:'].includes(address.protocol) ? 'wss:' : 'ws:';
  return address.href;
}

/** A path of the HTTP API of the server that the socket is on, which may lie below a path of a proxy. */
function addressAt(url, path) {
  const address = new URL(`.${path}`, socketAddress(url));
  address.protocol = address.protocol === 'wss:' ? 'https:' : 'http:';
  return address.href;
}
