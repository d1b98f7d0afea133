/**
 * Watching jobs where WebSockets are blocked: server-sent events over fetch, one stream a run.
 *
 * EventSource cannot send a bearer token, and a token in an address ends up in logs; a fetch that is read as it
 * comes does the same with the header. A job's stream is that of its newest run (/api/runs/<id>/events); between
 * runs the list of runs is asked for the next one. Where the server has no stream to spare, the run's record is
 * asked for instead. What comes is handed on as the text messages that a WebSocket would have brought.
 */

import { RUN_ENDS } from './messages.js';

/** Milliseconds between two looks for a job's next run, or at a run that cannot be streamed. */
const LOOK_PERIOD = 2_000;

/** Milliseconds between two looks at a job that is not stored on the server: it may be one day. */
const STRANGER_PERIOD = 15_000;

/** Milliseconds; the server repeats an event every 10 s when there is no news. */
const SILENCE = 25_000;

/** The server said no, or nothing: `status` is that of HTTP, 0 for no answer. */
class Refused extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

export class HttpFollower {
  #base;
  #readToken;
  #onMessage;
  #onUp;
  #onLost;
  #jobs = new Map(); // jobId → AbortController of its loop
  #isUp = false;
  #closed = false;

  /** `onLost(status)` is called once; the follower is closed then. */
  constructor({ base, token, onMessage, onUp, onLost }) {
    this.#base = base;
    this.#readToken = token;
    this.#onMessage = onMessage;
    this.#onUp = onUp;
    this.#onLost = onLost;
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
        if (runId !== null && runId !== told) {
          await this.#tellRun(jobId, runId, signal);
          told = runId;
        }
        await pause(runId === undefined ? STRANGER_PERIOD : LOOK_PERIOD, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#lose(error.status ?? 0);
    }
  }

  #lose(status) {
    if (this.#closed) return;
    this.close();
    this.#onLost(status);
  }

  // The id of the job's newest run; null before the first; undefined for a job that is not stored there.
  async #newestRun(jobId, signal) {
    const response = await this.#get(`/api/jobs/${jobId}/runs?limit=1`, signal);
    if (response.status !== 404 && !response.ok) throw new Refused(response.status);
    if (!this.#isUp) {
      this.#isUp = true;
      this.#onUp();
    }
    if (response.status === 404) return undefined;
    const { runs } = await response.json();
    return runs.length > 0 ? runs[0].runId : null;
  }

  // Returns when the run has ended, all of it told.
  async #tellRun(jobId, runId, signal) {
    const response = await this.#get(`/api/runs/${encodeURIComponent(runId)}/events`, signal, { streams: true });
    if (response.status === 503) return this.#pollRun(jobId, runId, signal);
    if (!response.ok) throw new Refused(response.status);
    let last = '';
    for await (const text of dataOf(response.body, signal)) {
      last = text;
      if (!signal.aborted) this.#onMessage(text);
    }
    if (!isEnd(last)) throw new Refused(0); // cut off: what is now true has to be asked for
    return undefined;
  }

  async #pollRun(jobId, runId, signal) {
    let status = null;
    while (!RUN_ENDS.has(status)) {
      const response = await this.#get(`/api/runs/${encodeURIComponent(runId)}`, signal);
      if (!response.ok) throw new Refused(response.status);
      const run = await response.json();
      ({ status } = run.lastStatus);
      for (const payload of run.nodes) this.#onMessage(JSON.stringify({ type: 'job.progress', jobId, payload }));
      this.#onMessage(JSON.stringify({ type: 'job.status', jobId, payload: run.lastStatus }));
      if (!RUN_ENDS.has(status)) await pause(LOOK_PERIOD, signal);
    }
  }

  async #get(path, signal, { streams = false } = {}) {
    const headers = { Authorization: `Bearer ${await this.#readToken()}` };
    const limits = streams ? [signal] : [signal, AbortSignal.timeout(SILENCE)];
    try {
      return await fetch(new URL(`..${path}`, this.#base), { headers, signal: AbortSignal.any(limits), cache: 'no-store' });
    } catch {
      throw new Refused(0);
    }
  }
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
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
