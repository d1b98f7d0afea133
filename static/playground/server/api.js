/** The HTTP API. Every answer that is not a success is thrown as a Problem; outside data is read here and nowhere else. */

import { headersOf } from '../../realtime/credentials.js';
import { progressEvent } from '../../realtime/messages.js';
import { shaped } from '../model/shape.js';
import { asSentence } from '../parts/texts/text.js';
import { ROOT } from '../root.js';
import { parseExactly } from './exact-json.js';

/** Milliseconds; longer than any honest answer, shorter than a person's patience. */
const TIMEOUT = 20_000;

/** The same where the server asks a runner: up to 32 s, of one that is busy and answers others first. */
const RUNNER_TIMEOUT = 36_000;

/** And for a whole log, of 16 MiB at most, over a slow line. */
const LOG_TIMEOUT = 300_000;

/** Seconds of difference from the server's clock below which it is only the Date header's rounding, which leaves out what is less than a second. */
const CLOCK_NOISE = 2;

/** Milliseconds in which the record of a run that has ended is not asked for again. */
const RECORD_SHARED = 3_000;

/** The most that the server puts on a page of its list of jobs. */
const MOST_A_PAGE = 500;

/** An answer that is an error (RFC 9457), or no answer: then `status` is 0. */
export class Problem extends Error {
  constructor(status, body) {
    super(asSentence(String(body.detail ?? body.title ?? `The server answered ${status}.`)));
    this.status = status;
    /** No answer, or one that says to come back: it is over when the server is there again. */
    this.isOfConnection = status === 0 || (status >= 502 && status <= 504);
    this.runId = body.runId ?? null;
    this.errors = graphErrors(body);
  }
}

export class Api {
  #token;
  #onRefused;
  #credentialNumber;
  #onPage;
  #records = new Map(); // run id → the record that was asked for a moment ago
  #clockOffset = 0; // seconds that the server's clock is ahead of ours

  /**
   * `token()`: that lets in; `onRefused(message)`: nothing does any more; `credentialNumber()`: another one with each credential; `onPage(version)`:
   * with each answer, the page that the server has.
   * @param {() => string} token
   * @param {{ onRefused?: (message: string) => void, credentialNumber?: () => number, onPage?: (version: string | null) => void }} how
   */
  constructor(token, { onRefused = () => undefined, credentialNumber = () => 0, onPage = () => undefined } = {}) {
    this.#token = token;
    this.#onRefused = onRefused;
    this.#credentialNumber = credentialNumber;
    this.#onPage = onPage;
  }

  /** Now by the server's clock, in epoch seconds: what its timestamps can be compared with. */
  now() {
    return Date.now() / 1000 + this.#clockOffset;
  }

  /** All jobs of the tenant, oldest first. */
  async jobs() {
    const all = [];
    let before = '';
    do {
      const { jobs, next } = await this.#call('GET', `/api/jobs?limit=${MOST_A_PAGE}${before}`);
      all.push(...jobs);
      before = next ? `&before=${encodeURIComponent(next)}` : '';
    } while (before !== '');
    return all.reverse();
  }

  /** {jobs: [{id, name, lastRun, runs}], next: where the following page begins, or null}: newest first, with the last `runs` of each. */
  jobsPage({ q = '', runs, limit, before = null }) {
    return this.#call('GET', `/api/jobs?${query({ q, runs, limit, before })}`);
  }

  /**
   * {runs, next}: runs of all jobs, each with jobId, jobName and startedBy; `status`: states with commas between. The newest first; those that wait
   * alone, those whose turn is next.
   */
  allRuns({ status = '', job = null, since = null, until = null, limit = 50, before = null } = {}) {
    const order = status === 'queued' ? 'queue' : null;
    return this.#call('GET', `/api/runs?${query({ status, order, job, since, until, limit, before })}`);
  }

  /**
   * {id, name, graph, asStored, odd, notes, updatedAt, etag}. `graph` has the shape that the page needs, `asStored` is what
   * the server has; `odd` says what of it was left out, a sentence each; `notes` what it means otherwise than when it was
   * saved: [{nodeId, field, message}].
   */
  job(jobId) {
    return this.#job('GET', `/api/jobs/${jobId}`);
  }

  /** The job created; the same key twice makes one. */
  createJob(document, idempotencyKey) {
    return this.#job('POST', '/api/jobs', document, { 'Idempotency-Key': idempotencyKey });
  }

  /** The job replaced; with an `etag` only the job that was read with it: another one rejects with a Problem of status 412. */
  saveJob(jobId, document, etag = null) {
    return this.#job('PUT', `/api/jobs/${jobId}`, document, onlyIf(etag));
  }

  /** The errors of a graph: [{nodeId, field, message, text?}], `text` being what of the field is at fault; none for one that can run. */
  async validate(document, signal = undefined) {
    return graphErrors(await this.#call('POST', '/api/jobs/validate', document, {}, signal));
  }

  /** The same for {graph} alone, whether the server calls it valid or not. */
  async problemsOf(document, signal) {
    try {
      return await this.validate(document, signal);
    } catch (problem) {
      if (problem.status === 422) return problem.errors;
      throw problem;
    }
  }

  /** {nodeTypes: all of them, in the order of the palette; engine: the number of the engine that runs jobs}. */
  async nodeTypes() {
    const { nodeTypes, engine } = await this.#call('GET', '/api/node-types');
    return { nodeTypes, engine: engine ?? null };
  }

  /** What expressions may call: [{group, name, signature, returns, help, example, gives, also}]. */
  async functions() {
    return (await this.#call('GET', '/api/functions')).functions;
  }

  /** Jobs to start from: [{name, about, graph}]. */
  async gallery() {
    return (await this.#call('GET', '/api/gallery')).jobs;
  }

  /** With an `etag` as saveJob. */
  deleteJob(jobId, etag = null) {
    return this.#call('DELETE', `/api/jobs/${jobId}`, undefined, onlyIf(etag));
  }

  /** {columns, types, rows, truncated, timedOut}: the first rows that a node of a graph gives. */
  preview(graph, nodeId, fromRun = null) {
    return this.#ask('POST', '/api/jobs/preview', { graph, nodeId, fromRun });
  }

  /** {columns, types, rows, at}: what comes to a node around a row, {number, place}; `parameters`: values by name, or undefined. */
  previewAround(graph, nodeId, around, parameters) {
    return this.#ask('POST', '/api/jobs/preview', { graph, nodeId, around, parameters });
  }

  /** {nodes, problems, unread, pending}: the columns that each node gives, as far as they are known without a run. */
  async columns(graph, signal) {
    const { nodes, problems, unread, pending } = await this.#ask('POST', '/api/jobs/columns', { graph }, signal);
    return { nodes, problems: problems.map(graphError), unread, pending };
  }

  /** {tables: [{name, columns: [{name, type}]}], truncated}: what a connection's database has, as a runner with the tag sees it (null: any). */
  tables(connection, runnerTag) {
    return this.#ask('POST', '/api/tables', { connection, runnerTag });
  }

  /** A page of a directory of the data roots. */
  files(path, { q = '', after = '' } = {}) {
    return this.#call('GET', `/api/files?${query({ path, q, after })}`);
  }

  /** A page of what an output of a run wrote; `from`: its first row, from 0 on, or so many from the end, negative. */
  output(runId, nodeId, from, limit) {
    return this.#ask('GET', `/api/runs/${encodeURIComponent(runId)}/outputs/${nodeId}?${query({ from, limit })}`);
  }

  /**
   * Of what is asked now: a function of {status, document} of its answer, which is no success, that returns what it means. Why nobody is let in is told
   * where one signs in, and not beside what was asked for; nor at all where there is another credential by then.
   */
  asking() {
    const number = this.#credentialNumber();
    return (status, document) => {
      const problem = new Problem(status, document);
      if (status !== 401) return problem;
      if (number !== this.#credentialNumber()) return new Problem(status, { detail: 'This was asked before you signed in. Try it once more.' });
      this.#onRefused(problem.message);
      return new Problem(status, { detail: 'You are not signed in any more. Sign in, and try it once more.' });
    };
  }

  /** The headers that let a request in which is made elsewhere: bytes of files move without our deadline. */
  get credentials() {
    return headersOf(this.#token());
  }

  /** {columns, types}: what the columns of a node's file hold, found by reading all of it. */
  findTypes(graph, nodeId) {
    return this.#ask('POST', '/api/jobs/find-types', { graph, nodeId });
  }

  /**
   * {runId, jobId, status}; the same key twice makes one run. `parameters`: {name: text or null}, of a job that has some;
   * `begin`: {fromRun, fromNode} of a run that begins at a node. `etag` as saveJob.
   */
  execute({ id: jobId, etag = null }, idempotencyKey, parameters = null, begin = null) {
    const body = parameters === null && begin === null ? undefined : { ...(parameters === null ? {} : { parameters }), ...begin };
    return this.#call('POST', `/api/jobs/${jobId}/execute`, body, { 'Idempotency-Key': idempotencyKey, ...onlyIf(etag) });
  }

  /** What a node of a run gave: {columns, types, rows, figures, count, seen, output, outputs}; `output`: one of several, or null. */
  kept(runId, nodeId, output = null) {
    const which = output === null ? '' : `?output=${encodeURIComponent(output)}`;
    return this.#ask('GET', `/api/runs/${encodeURIComponent(runId)}/kept/${nodeId}${which}`);
  }

  cancel(runId) {
    return this.#call('POST', `/api/runs/${encodeURIComponent(runId)}/cancel`);
  }

  /** The record of a run. Several parts of the page want it in one moment: of one that has ended all have the same. */
  async run(runId) {
    const before = await this.#records.get(runId)?.catch(() => null);
    if (before?.endedAt != null) return before;
    const asked = this.#record(runId);
    this.#records.set(runId, asked);
    setTimeout(() => this.#records.get(runId) === asked && this.#records.delete(runId), RECORD_SHARED);
    return asked;
  }

  async #record(runId) {
    return runRecord((await this.#exchange(parseExactly, 'GET', `/api/runs/${encodeURIComponent(runId)}`)).document);
  }

  /** {runs, next} of the job, newest first; `before`: the `next` of the page before. A page may have fewer than `limit`. */
  runs(jobId, { limit = 30, before = null } = {}) {
    return this.#call('GET', `/api/jobs/${jobId}/runs?${query({ limit, before })}`);
  }

  /** {source, events: [{ts, type, payload}]}: what was said of a run, and when. */
  history(runId) {
    return this.#call('GET', `/api/runs/${encodeURIComponent(runId)}/history`);
  }

  /** {from, next, size, text, ended}: the run's log from a byte; negative counts from its end. */
  log(runId, from) {
    return this.#call('GET', `/api/runs/${encodeURIComponent(runId)}/log?from=${from}`);
  }

  /** The whole log, as a Blob. */
  async logFile(runId) {
    const problemOf = this.asking();
    const response = await this.#fetch('GET', `/api/runs/${encodeURIComponent(runId)}/log?format=text`, undefined, { Accept: '*/*' }, undefined, LOG_TIMEOUT);
    if (!response.ok) throw problemOf(response.status, await response.json().catch(() => ({})));
    return response.blob().catch((error) => Promise.reject(noAnswer(error)));
  }

  /** {text, nodeLines: {node id: number of its first line}} of the program that the run executed. */
  program(runId) {
    return this.#call('GET', `/api/runs/${encodeURIComponent(runId)}/program?format=json`);
  }

  /** The id of the job's latest run, or null. */
  async latestRunId(jobId) {
    const { runs } = await this.runs(jobId, { limit: 1 });
    return runs.length > 0 ? runs[0].runId : null;
  }

  /** Those that are told of a job: [{id, jobId, url, ends, form, state, disabledReason}]. */
  async webhooks(jobId) {
    return (await this.#call('GET', `/api/webhooks?job=${jobId}`)).webhooks;
  }

  /** The webhook, with a secret that is told this once; the same key twice makes one. `webhook`: {url, ends, form, jobId}, where null is all jobs. */
  createWebhook(webhook, idempotencyKey) {
    return this.#call('POST', '/api/webhooks', webhook, { 'Idempotency-Key': idempotencyKey });
  }

  replaceWebhook(id, webhook) {
    return this.#call('PUT', `/api/webhooks/${id}`, webhook);
  }

  deleteWebhook(id) {
    return this.#call('DELETE', `/api/webhooks/${id}`);
  }

  /** {secret}: told this once; the same key twice makes one. */
  changeSecret(id, idempotencyKey) {
    return this.#call('POST', `/api/webhooks/${id}/secret`, undefined, { 'Idempotency-Key': idempotencyKey });
  }

  /** The delivery that tries it: {id, event, runId, status, attempts, createdAt, answer, error}. */
  testWebhook(id) {
    return this.#call('POST', `/api/webhooks/${id}/test`);
  }

  webhookDelivery(id, deliveryId) {
    return this.#call('GET', `/api/webhooks/${id}/deliveries/${deliveryId}`);
  }

  /** The newest first. */
  async webhookDeliveries(id) {
    return (await this.#call('GET', `/api/webhooks/${id}/deliveries?limit=20`)).deliveries;
  }

  replayDelivery(id, deliveryId) {
    return this.#call('POST', `/api/webhooks/${id}/deliveries/${deliveryId}/replay`);
  }

  async #call(...request) {
    return (await this.#exchange(JSON.parse, ...request)).document;
  }

  // What a runner has to answer.
  #ask(method, path, body = undefined, signal = undefined) {
    return this.#call(method, path, body, {}, signal, RUNNER_TIMEOUT);
  }

  // A proxy that compresses makes an ETag weak (W/"…"); the job is the same.
  async #job(...request) {
    const { response, document } = await this.#exchange(parseExactly, ...request);
    return {
      ...document,
      ...shaped(document.graph),
      asStored: document.graph,
      notes: (document.notes ?? []).map(graphError),
      etag: response.headers.get('ETag')?.replace(/^W\//, '') ?? null,
    };
  }

  // `parse`: exactly, where a graph is among what is answered; that takes longer.
  async #exchange(parse, method, path, body, headers = {}, signal = undefined, timeout = TIMEOUT) {
    const problemOf = this.asking();
    const response = await this.#fetch(method, path, body, headers, signal, timeout);
    const text = await response.text().catch((error) => Promise.reject(noAnswer(error)));
    const document = parsed(parse, text);
    if (!response.ok) throw problemOf(response.status, document);
    return { response, document };
  }

  async #fetch(method, path, body, headers, wanted, timeout) {
    const sent = { ...headersOf(this.#token()), Accept: 'application/json', ...headers };
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    const content = body === undefined ? undefined : JSON.stringify(body);
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(timeout), ...(wanted === undefined ? [] : [wanted])]);
      const response = await fetch(new URL(`.${path}`, ROOT), { method, headers: sent, body: content, signal, cache: 'no-store' });
      this.#noteClock(response);
      this.#onPage(response.headers.get('Page-Version'));
      return response;
    } catch (error) {
      throw noAnswer(error);
    }
  }

  #noteClock(response) {
    const ahead = Date.parse(response.headers.get('Date') ?? '') / 1000 - Date.now() / 1000;
    if (Number.isNaN(ahead)) return;
    const isRounded = ahead <= this.#clockOffset && this.#clockOffset - ahead < CLOCK_NOISE; // the one before lost less
    if (Math.abs(ahead) <= CLOCK_NOISE) this.#clockOffset = 0;
    else if (!isRounded) this.#clockOffset = ahead;
  }
}

// There is no answer, or only a part of one.
function noAnswer({ name }) {
  return new Problem(0, { detail: name === 'TimeoutError' ? 'The server did not answer in time.' : 'The server cannot be reached.' });
}

// {} for what cannot be read, as the page of a proxy.
function parsed(parse, text) {
  try {
    return parse(text);
  } catch {
    return {};
  }
}

function onlyIf(etag) {
  return etag === null ? {} : { 'If-Match': etag };
}

function query(parameters) {
  const said = Object.entries(parameters).filter(([, value]) => value !== null && value !== '');
  return new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
}

/** A key for one press of a button. (crypto.randomUUID is missing on plain http other than localhost.) */
export function newIdempotencyKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Whether a request with a key may have been served although it failed so. From 500 on, the answer may be that of a proxy. Where one asks again,
 * only what refuses the request itself (422) decides: others, as that a session has ended, say nothing of the first time.
 */
export function isUndecided(problem, { isAgain }) {
  return problem.status === 0 || problem.status >= 500 || (isAgain && problem.status !== 422);
}

function runRecord(document) {
  const { runId, jobId, status, reason } = document;
  return {
    runId,
    jobId,
    status,
    reason: reason ?? null,
    startedBy: document.startedBy ?? null,
    createdAt: document.createdAt ?? null,
    startedAt: document.startedAt ?? null,
    endedAt: document.endedAt ?? null,
    queuePosition: document.queuePosition ?? null,
    waitReason: document.waitReason ?? null,
    parameters: document.parameters ?? {},
    attempt: document.attempt ?? 1,
    attempts: document.attempts ?? 1,
    dueAt: document.dueAt ?? null,
    fromRun: document.fromRun ?? null,
    fromNode: document.fromNode ?? null,
    kept: document.kept ?? null,
    graph: shaped(document.graph).graph,
    nodes: (document.nodes ?? []).map((node) => progressEvent(jobId, node)).filter((event) => event !== null),
  };
}

// The server tells the first 100; of the rest the last one here tells how many there are.
function graphErrors({ errors, errorCount }) {
  const told = (Array.isArray(errors) ? errors : []).map(graphError);
  const more = (errorCount ?? 0) - told.length;
  if (more > 0) told.push({ nodeId: null, field: null, message: `And ${more.toLocaleString('en')} more errors.` });
  return told;
}

function graphError(error) {
  const about = typeof error.text === 'string' ? { text: error.text } : {};
  return { nodeId: error.nodeId ?? null, field: error.field ?? null, message: asSentence(String(error.message ?? '')), ...about };
}
