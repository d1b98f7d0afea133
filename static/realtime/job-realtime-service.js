/**
 * JobRealtimeService: progress of jobs over one WebSocket that heals itself. No dependencies.
 *
 *   const service = new JobRealtimeService({ url: 'ws://host:8081/ws', token: () => currentToken() });
 *   const stop = service.onProgress((event) => console.log(event.nodeName, event.rowCount));
 *   await service.subscribeToJob(42);
 *
 * After each (re)connect every job is subscribed again and the server first sends what is now true, so a
 * listener needs no catching up of its own. A closed connection comes back after a jittered wait (backoff.js),
 * at once when the machine comes online or the page becomes visible; not at all when the server says that
 * coming back is useless (close codes 4500–4999, or a token that it refuses).
 */

import { nextDelay } from './backoff.js';
import { parseMessage } from './messages.js';

const PROTOCOL = 'progress.v1';

/** Close codes in this range say that the same client need not come back. */
const FINAL_CODES = { from: 4500, to: 4999 };
const CODE_TOKEN_EXPIRED = 4501;

/** Milliseconds a connection must have held for its loss to count as the first failure, not one more. */
const STABLE_AFTER = 5_000;

/** Milliseconds; a server that accepts TCP and then says nothing counts as away. */
const OPEN_TIMEOUT = 10_000;

export class JobRealtimeService {
  #url;
  #readToken;
  #tokenCheckUrl;
  #random;

  #state = 'disconnected';
  #reason = null; // why not connected: {code, message, final, retryAt}
  #generation = 0; // one more for every attempt; whatever an older one still says is not heard
  #socket = null;
  #usedToken = null;
  #openedAt = 0;
  #failures = 0;
  #retryTimer = null;
  #openTimer = null;
  #stopped = false; // a final error was told; only the caller can start again

  #jobs = new Map(); // jobId → callers waiting for their subscription to be sent
  #listeners = { state: new Set(), progress: new Set(), status: new Set(), error: new Set() };

  constructor({ url, token, tokenCheckUrl = checkUrlFor(url), random = Math.random }) {
    this.#url = url;
    this.#readToken = typeof token === 'function' ? token : () => token;
    this.#tokenCheckUrl = tokenCheckUrl;
    this.#random = random;
    globalThis.addEventListener?.('online', this.#onOnline);
    globalThis.document?.addEventListener('visibilitychange', this.#onVisible);
  }

  /** 'disconnected' | 'connecting' | 'connected' */
  get state() {
    return this.#state;
  }

  /** Why there is no connection: {code, message, final, retryAt}, or null. `retryAt` is in Date.now() milliseconds. */
  get reason() {
    return this.#reason;
  }

  /** Call `listener(state, reason)` at every change. Returns its unsubscribe. */
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

  /** Call `listener({code, message, final})` for errors; final ones end reconnecting. Returns its unsubscribe. */
  onError(listener) {
    return this.#listen('error', listener);
  }

  /** Watch a job, connecting if need be. Resolves when the subscription was sent; rejects when that is over for good. */
  subscribeToJob(jobId) {
    if (!this.#jobs.has(jobId)) this.#jobs.set(jobId, []);
    if (this.#state === 'connected') {
      this.#send({ action: 'subscribe', jobId });
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#jobs.get(jobId).push({ resolve, reject });
      this.#stopped = false;
      if (this.#state === 'disconnected' && this.#retryTimer === null) this.#connect();
    });
  }

  /** Watch a job no longer. */
  unsubscribeFromJob(jobId) {
    const waiting = this.#jobs.get(jobId);
    if (waiting === undefined) return;
    this.#jobs.delete(jobId);
    if (this.#state === 'connected') this.#send({ action: 'unsubscribe', jobId });
    for (const { reject } of waiting) reject(new Error(`job ${jobId} was unsubscribed before the connection opened`));
  }

  /** Try now instead of when the wait is over; also the way back after a final error, with a new token. */
  reconnect() {
    if (this.#jobs.size === 0) return;
    this.#failures = 0;
    this.#stopped = false;
    this.#connect();
  }

  /** Close the connection and forget all jobs. Listeners stay; subscribeToJob connects again. */
  disconnect() {
    const jobs = [...this.#jobs.values()].flat();
    this.#jobs.clear();
    this.#abandonSocket();
    this.#failures = 0;
    this.#enter('disconnected', null);
    for (const { reject } of jobs) reject(new Error('disconnected before the subscription was sent'));
  }

  /** disconnect(), and stop listening to the page's events: for a service that is thrown away. */
  dispose() {
    globalThis.removeEventListener?.('online', this.#onOnline);
    globalThis.document?.removeEventListener('visibilitychange', this.#onVisible);
    this.disconnect();
  }

  // ---- one attempt -------------------------------------------------------------------------------

  async #connect() {
    this.#abandonSocket();
    const generation = this.#generation;
    this.#enter('connecting', null);
    const token = await this.#freshToken();
    if (generation !== this.#generation) return;
    if (typeof token !== 'string' || token === '') return this.#giveUp('no_token', 'There is no token to connect with.');
    if (isExpired(token)) return this.#giveUp('token_expired', 'The token has expired.');
    this.#open(token, generation);
  }

  async #freshToken() {
    try {
      return await this.#readToken();
    } catch {
      return null;
    }
  }

  #open(token, generation) {
    const current = (handle) => (event) => {
      if (generation === this.#generation) handle(event);
    };
    this.#usedToken = token;
    try {
      this.#socket = new WebSocket(this.#url, [PROTOCOL, `bearer.${token}`]);
    } catch (error) {
      return this.#giveUp('bad_address', `Cannot open a connection: ${error.message}`);
    }
    this.#openTimer = setTimeout(current(() => this.#onNeverOpened()), OPEN_TIMEOUT);
    this.#socket.onopen = current(() => this.#onOpen());
    this.#socket.onmessage = current((event) => this.#onMessage(event.data));
    this.#socket.onclose = current((event) => this.#onClose(event));
    return undefined;
  }

  #onOpen() {
    clearTimeout(this.#openTimer);
    this.#openedAt = performance.now();
    this.#enter('connected', null);
    for (const [jobId, waiting] of this.#jobs) {
      this.#send({ action: 'subscribe', jobId });
      this.#jobs.set(jobId, []);
      for (const { resolve } of waiting) resolve();
    }
  }

  #onMessage(text) {
    const message = parseMessage(text);
    if (message === null) return;
    if (message.kind === 'error') return this.#tell('error', message.event);
    if (this.#jobs.has(message.event.jobId)) this.#tell(message.kind, message.event);
    return undefined;
  }

  #onClose({ code, reason }) {
    const opened = this.#state === 'connected';
    this.#abandonSocket();
    if (!opened) return this.#onNeverOpened();
    if (performance.now() - this.#openedAt >= STABLE_AFTER) this.#failures = 0;
    if (code === CODE_TOKEN_EXPIRED) return this.#renewToken();
    if (code >= FINAL_CODES.from && code <= FINAL_CODES.to) {
      return this.#giveUp(`closed_${code}`, reason || `The server ended the connection (${code}).`);
    }
    return this.#retryLater(`closed_${code}`, reason || 'The connection was lost.');
  }

  // The browser does not tell a refused token from a server that is away: ask in a way that does.
  async #onNeverOpened() {
    this.#abandonSocket();
    const generation = this.#generation;
    const refused = await this.#isTokenRefused();
    if (generation !== this.#generation) return;
    if (refused) this.#giveUp('token_refused', 'The server does not accept the token.');
    else this.#retryLater('unreachable', 'The server cannot be reached.');
  }

  async #isTokenRefused() {
    if (this.#tokenCheckUrl === null) return false;
    try {
      const headers = { Authorization: `Bearer ${this.#usedToken}` };
      const signal = AbortSignal.timeout(OPEN_TIMEOUT);
      const { status } = await fetch(this.#tokenCheckUrl, { headers, signal });
      return status === 401 || status === 403;
    } catch {
      return false;
    }
  }

  // An expired token ends only this connection when the caller has a newer one.
  async #renewToken() {
    const generation = this.#generation;
    const token = await this.#freshToken();
    if (generation !== this.#generation) return;
    if (token !== this.#usedToken) this.#connect();
    else this.#giveUp('token_expired', 'The token has expired.');
  }

  // ---- between attempts --------------------------------------------------------------------------

  #retryLater(code, message) {
    this.#failures += 1;
    const wait = nextDelay(this.#failures, this.#random);
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.#enter('disconnected', { code, message, final: false, retryAt: Date.now() + wait });
  }

  #giveUp(code, message) {
    this.#abandonSocket();
    this.#stopped = true;
    this.#enter('disconnected', { code, message, final: true, retryAt: null });
    this.#tell('error', { code, message, final: true });
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
    this.#retryTimer = null;
    this.#socket?.close();
    this.#socket = null;
  }

  // A socket from before the network changed may be dead without knowing it: a new one, and a snapshot, cost little.
  #onOnline = () => {
    if (!this.#stopped) this.reconnect();
  };

  #onVisible = () => {
    const waiting = this.#retryTimer !== null;
    if (waiting && globalThis.document.visibilityState === 'visible') this.reconnect();
  };

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
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#tell('state', state, reason);
  }

  #send(action) {
    this.#socket.send(JSON.stringify(action));
  }
}

/** The API of the server that the socket is on: a call that answers 401 to a bad token. */
function checkUrlFor(url) {
  const check = new URL('/api/jobs', url);
  check.protocol = check.protocol === 'wss:' ? 'https:' : 'http:';
  return check.href;
}

/** Whether a JWT says that it has expired; what cannot be read is for the server to judge. */
export function isExpired(token, now = Date.now()) {
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return typeof claims.exp === 'number' && claims.exp * 1000 + CLOCK_LEEWAY < now;
  } catch {
    return false;
  }
}

/** Milliseconds that this machine's clock may be ahead of the server's before we call a token expired unasked. */
const CLOCK_LEEWAY = 60_000;
