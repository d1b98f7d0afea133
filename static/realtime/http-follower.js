/**
 * Watching jobs where WebSockets are blocked: server-sent events over fetch, one stream a run.
 *
 * EventSource cannot send a bearer token, and a token in an address ends up in logs; a fetch that is read as it
 * comes does the same with the header. A job's stream is that of its newest run (/api/runs/<id>/events); between
 * runs the list of runs is asked for the next one. Where the server has no stream to spare (503, 429), the run's record
 * is asked for instead, and a stream again when the server said so (Retry-After). What comes is handed on as the text
 * messages that a WebSocket would have brought. A job that is not stored on the server cannot be followed so; of all jobs
 * in short ("*" in place of a number) nothing comes, and the server is only asked whether it is there.
 */

import { headersOf } from './credentials.js';
import { RUN_ENDS } from './messages.js';

/** Milliseconds between two looks for a job's next run, or at a run that cannot be streamed. */
const LOOK_PERIOD = 2_000;

/** Milliseconds between two looks at a job that is not stored on the server: it may be one day. */
const STRANGER_PERIOD = 15_000;

/** Milliseconds; the server repeats an event every 10 s when there is no news. */
const SILENCE = 25_000;

/** Milliseconds until a stream is asked for again that the server could not spare, where it does not say. */
const SPARE_PERIOD = 5_000;

/** The longest Retry-After that is believed, in milliseconds. */
const LONGEST_WAIT = 120_000;

/** The server said no, or nothing: `status` is that of HTTP, 0 for no answer; `retryAfter` in milliseconds, or 0. */
class Refused extends Error {
  constructor(status, retryAfter = 0) {
    super(`HTTP ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export class HttpFollower {
  #base;
  #readToken;
  #onMessage;
  #onUp;
  #onLooking;
  #onQuiet;
  #onLost;
  #random;
  #jobs = new Map(); // jobId → AbortController of its loop
  #streams = 0; // that are open
  #isUp = false;
  #isLooking = false; // some run's record is asked for, as there is no stream to spare
  #closed = false;

  /**
   * `base`: where the paths of the server begin. `onLost(status, retryAfter)` is called once; the follower is closed then, and shall not be there again before
   * `retryAfter` milliseconds. `onLooking(isLooking)`: whether a run's record is asked for, as there is no stream to spare.
   * `onQuiet()`: the last stream has ended, and nobody tells what the server says of itself.
   */
  constructor({ base, token, onMessage, onUp, onLooking, onQuiet, onLost, random = Math.random }) {
    this.#base = base;
    this.#readToken = token;
    this.#onMessage = onMessage;
    this.#onUp = onUp;
    this.#onLooking = onLooking;
    this.#onQuiet = onQuiet;
    this.#onLost = onLost;
    this.#random = random;
  }

  /** Follow a job; one that is followed already is told again from its present state. */
  add(jobId) {
    this.remove(jobId);
    const controller = new AbortController();
    this.#jobs.set(jobId, controller);
    this.#follow(jobId, controller.signal);
  }

  remove(jobId) {
    this.#jobs.get(jobId)?.abort();
    this.#jobs.delete(jobId);
  }

  close() {
    this.#closed = true;
    for (const jobId of [...this.#jobs.keys()]) this.remove(jobId);
  }

  async #follow(jobId, signal) {
    let told = null; // the run whose end was told
    try {
      while (!signal.aborted) {
        const runId = await this.#newestRun(jobId, signal);
        if (typeof runId === 'string' && runId !== told) {
          await this.#tellRun(jobId, runId, signal);
          told = runId;
        }
        await pause(runId === undefined ? STRANGER_PERIOD : LOOK_PERIOD, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#lose(error.status ?? 0, error.retryAfter ?? 0);
    }
  }

  #lose(status, retryAfter) {
    if (this.#closed) return;
    this.close();
    this.#onLost(status, retryAfter);
  }

  // The id of the job's newest run; null before the first; undefined for a job that is not stored there.
  async #newestRun(jobId, signal) {
    const response = await this.#get(jobId === '*' ? '/api/jobs?limit=1' : `/api/jobs/${jobId}/runs?limit=1`, signal);
    if (response.status !== 404 && response.status !== 403 && !response.ok) throw refused(response);
    if (!this.#isUp) {
      this.#isUp = true;
      this.#onUp();
    }
    if (response.status === 403) return this.#tellForbidden(jobId, response);
    if (response.status === 404 || jobId === '*') return undefined;
    const { runs } = await response.json();
    return runs.length > 0 ? runs[0].runId : null;
  }

  // As a WebSocket answers a subscription that the token does not allow: of others it may.
  async #tellForbidden(jobId, response) {
    const { detail } = await response.json();
    this.#onMessage(JSON.stringify({ type: 'error', code: 'forbidden', message: detail, jobId }));
    this.remove(jobId);
    return undefined;
  }

  // Returns when the run has ended, all of it told.
  async #tellRun(jobId, runId, signal) {
    const path = `/api/runs/${encodeURIComponent(runId)}`;
    while (!signal.aborted) {
      const response = await this.#get(`${path}/events?more=1`, signal, { streams: true });
      this.#tellLooking(isBusy(response));
      if (!isBusy(response)) return this.#tellStream(response, signal);
      if (await this.#tellRecord(jobId, path, signal)) return undefined;
      await pause(this.#waitOf(response), signal);
    }
    return undefined;
  }

  async #tellStream(response, signal) {
    if (!response.ok) throw refused(response);
    let last = '';
    this.#streams += 1;
    try {
      for await (const text of dataOf(response.body, signal)) {
        last = text;
        if (!signal.aborted) this.#onMessage(text);
      }
    } finally {
      this.#streams -= 1;
      const isOver = signal.aborted || isEnd(last); // else it was cut off, and the connection with it
      if (isOver && this.#streams === 0 && !this.#closed) this.#onQuiet();
    }
    if (!isEnd(last)) throw new Refused(0); // cut off: what is now true has to be asked for
  }

  // True when it has ended.
  async #tellRecord(jobId, path, signal) {
    const response = await this.#get(path, signal);
    if (!response.ok) throw refused(response);
    const run = await response.json();
    for (const payload of run.nodes) this.#onMessage(JSON.stringify({ type: 'job.progress', jobId, payload }));
    this.#onMessage(JSON.stringify({ type: 'job.status', jobId, payload: run.lastStatus }));
    return RUN_ENDS.has(run.lastStatus.status);
  }

  #tellLooking(isLooking) {
    if (isLooking === this.#isLooking) return;
    this.#isLooking = isLooking;
    this.#onLooking(isLooking);
  }

  // Spread, so that those who were refused together do not come back together.
  #waitOf(response) {
    return (retryAfterOf(response) || SPARE_PERIOD) * (1 + this.#random() / 2);
  }

  // A stream's body may take as long as it likes, its head may not.
  async #get(path, signal, { streams = false } = {}) {
    const headers = headersOf(await this.#readToken());
    const limits = streams ? [signal] : [signal, AbortSignal.timeout(SILENCE)];
    try {
      return await soon(fetch(new URL(`.${path}`, this.#base), { headers, signal: AbortSignal.any(limits), cache: 'no-store' }), signal);
    } catch {
      throw new Refused(0);
    }
  }
}

// No place now, and perhaps later: another answer than that it cannot be had.
function isBusy({ status }) {
  return status === 503 || status === 429;
}

function refused(response) {
  return new Refused(response.status, retryAfterOf(response));
}

// Milliseconds that the server asks to wait, or 0 where it does not say: seconds or a date (RFC 9110).
function retryAfterOf(response) {
  const text = response.headers.get('Retry-After') ?? '';
  const wait = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? 0 : Math.min(Math.max(wait, 0), LONGEST_WAIT);
}

/** The data of each server-sent event of a body, until it ends; raises when it falls silent. */
export async function* dataOf(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    while (true) {
      const { value, done } = await soon(reader.read(), signal);
      if (done) return;
      const events = (rest + value).split('\n\n');
      rest = events.pop();
      for (const event of events) {
        const data = event.split('\n').filter((line) => line.startsWith('data:'));
        if (data.length > 0) yield data.map((line) => line.slice(5).trimStart()).join('\n');
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function isEnd(text) {
  try {
    return RUN_ENDS.has(JSON.parse(text).payload.status) && JSON.parse(text).type === 'job.status';
  } catch {
    return false;
  }
}

// What it gives; rejects after SILENCE.
function soon(promise, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Refused(0)), SILENCE);
    const stop = () => reject(new Refused(0));
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, () => reject(new Refused(0))).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  });
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop); // a job has one signal for all of its looks
      resolve();
    };
    const timer = setTimeout(stop, milliseconds);
    signal.addEventListener('abort', stop);
  });
}
