/**
 * The wire, as the browser sees it: text in, frozen events out. Nothing else parses a message.
 *
 * A message that is not what the protocol says gives `null`: one odd publisher must not blind a page
 * to all others.
 */

/** The statuses that end a node, and those that end a run: nothing follows them. */
export const NODE_ENDS = new Set(['completed', 'failed']);
export const RUN_ENDS = new Set(['completed', 'failed', 'cancelled', 'lost']);

const NODE_STATUSES = new Set(['running', ...NODE_ENDS]);
const RUN_STATUSES = new Set(['queued', 'running', ...RUN_ENDS]);

/** `{kind: 'progress' | 'status' | 'seen' | 'brief' | 'server' | 'error', event}`, or null for what the protocol does not know. */
export function parseMessage(text) {
  const message = parseObject(text);
  if (message === null) return null;
  if (message.type === 'error') return { kind: 'error', event: errorEvent(message) };
  if (!isObject(message.payload)) return null;
  if (message.type === 'server.state') return tagged('server', serverEvent(message.payload));
  if (!Number.isSafeInteger(message.jobId)) return null;
  if (message.type === 'job.progress') return tagged('progress', progressEvent(message.jobId, message.payload));
  if (message.type === 'job.status') return tagged('status', statusEvent(message.jobId, message.payload));
  if (message.type === 'job.brief') return tagged('brief', briefEvent(message.jobId, message.payload));
  if (message.type === 'job.seen') return tagged('seen', seenEvent(message.jobId, message.payload));
  return null;
}

/** A node's progress, or null. The first five fields are the original protocol's; the rest may be absent. */
export function progressEvent(jobId, payload) {
  if (!Number.isSafeInteger(payload.nodeId) || !NODE_STATUSES.has(payload.status)) return null;
  return Object.freeze({
    jobId,
    nodeId: payload.nodeId,
    nodeName: textOr(payload.nodeName, ''),
    status: payload.status,
    rowCount: Math.max(0, numberOr(payload.rowCount, 0)),
    message: textOr(payload.message, ''),
    rowTotal: positiveOr(payload.rowTotal, null),
    share: shareOf(payload.share),
    ports: countsOf(payload.ports),
    runId: textOr(payload.runId, null),
    seq: numberOr(payload.seq, null),
    ts: numberOr(payload.ts, null),
    row: rowOf(payload.row),
    fault: faultOf(payload.fault),
    closedBy: textOr(payload.closedBy, null),
    fromRun: textOr(payload.fromRun, null),
  });
}

/** A run's change of status, or null. */
export function statusEvent(jobId, payload) {
  if (!RUN_STATUSES.has(payload.status)) return null;
  return Object.freeze({
    jobId,
    runId: textOr(payload.runId, null),
    status: payload.status,
    reason: textOr(payload.reason, null),
    ts: numberOr(payload.ts, null),
    aliveEvery: positiveOr(payload.aliveEvery, null),
    aliveAt: numberOr(payload.aliveAt, null),
  });
}

// When the first and the last word came of a run that no status tells of, or null.
function seenEvent(jobId, { runId, began, heard }) {
  if (numberOr(began, null) === null || numberOr(heard, null) === null) return null;
  return Object.freeze({ jobId, runId: textOr(runId, null), began, heard });
}

// A job in short: the last word on its run (a StatusEvent or null), when it was heard last, and whether that is of a run
// that no status tells of; or null.
function briefEvent(jobId, { status, heard, untold }) {
  if (numberOr(heard, null) === null) return null;
  return Object.freeze({ jobId, status: isObject(status) ? statusEvent(jobId, status) : null, heard, untold: untold === true });
}

// Whether NATS reaches the server, and since when, or null.
function serverEvent({ nats, since }) {
  if (nats !== 'ok' && nats !== 'away') return null;
  return Object.freeze({ nats, since: numberOr(since, null) });
}

function errorEvent(message) {
  return Object.freeze({
    code: textOr(message.code, 'error'),
    message: textOr(message.message, 'The server refused a message.'),
    jobId: Number.isSafeInteger(message.jobId) ? message.jobId : null,
    final: false,
  });
}

function tagged(kind, event) {
  return event === null ? null : { kind, event };
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// The row at which a node failed, {number, values: {column: text}, place, cells: [[column, text or null]], more}; null for a field of another shape.
function rowOf(row) {
  if (!isObject(row) || !Number.isSafeInteger(row.number)) return null;
  const cells = Array.isArray(row.cells) ? row.cells.filter(isCell).map(Object.freeze) : [];
  return Object.freeze({
    number: row.number,
    values: Object.freeze(isObject(row.values) ? row.values : {}),
    place: textOr(row.place, ''),
    cells: Object.freeze(cells),
    more: positiveOr(row.more, 0),
  });
}

function isCell(cell) {
  return Array.isArray(cell) && typeof cell[0] === 'string' && (cell[1] === null || typeof cell[1] === 'string');
}

// What of its configuration a node failed by, {field, text, columns}; null for a field of another shape.
function faultOf(fault) {
  if (!isObject(fault)) return null;
  const columns = Array.isArray(fault.columns) ? fault.columns.filter((name) => typeof name === 'string') : [];
  return Object.freeze({ field: textOr(fault.field, null), text: textOr(fault.text, null), columns: Object.freeze(columns) });
}

// Rows by output, of a node with several; null for a field of another shape.
function countsOf(ports) {
  if (!isObject(ports)) return null;
  const counts = Object.entries(ports).filter(([, count]) => Number.isFinite(count) && count >= 0);
  return Object.freeze(Object.fromEntries(counts));
}

function textOr(value, fallback) {
  return typeof value === 'string' ? value : fallback;
}

function shareOf(value) {
  return typeof value === 'number' && value >= 0 && value <= 1 ? value : null;
}

function positiveOr(value, fallback) {
  return numberOr(value, 0) > 0 ? value : fallback;
}

function numberOr(value, fallback) {
  return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
}
