/**
 * What is now true of a job, worked out from the messages about it. No DOM, no clock, no waiting.
 *
 * Messages may repeat, come twice after a reconnect, or come late; these rules make that harmless:
 *   - a job shows one run at a time, the latest; what an earlier run still says is dropped;
 *   - within a run, a terminal status is absorbing, for a node and for the run itself;
 *   - within a run, a node's message with a lower seq than one seen is dropped, unless it was said later: its publisher was
 *     started again, and counts anew;
 *   - what the server tells once more, as to who asks whether it is there, is no sign of life;
 *   - progress without a runId (a publisher of the original protocol) counts for the run under way; when
 *     none is, a node that starts again after all had ended begins a run without a name;
 *   - a run that no status tells of has ended when all its nodes have, and nobody has spoken for a while.
 *
 * The states shown are derived when asked for, never stored: a node that was running when its run was
 * cancelled *is* cancelled, whichever of the two messages came first. A run that promised to speak and is silent *is*
 * lost, and is running again with its next word.
 */

import { NODE_ENDS, RUN_ENDS } from './messages.js';

const RANK = { queued: 0, running: 1, ...Object.fromEntries([...RUN_ENDS].map((end) => [end, 2])) };

/** Seconds over which the current rows/s is taken: shorter flickers, longer lags. */
const RATE_WINDOW = 1;

/** Seconds without a word after which a running node counts as stalled: a publisher of ours speaks when its count or its message changes. */
export const STALLED_AFTER = 15;

/**
 * A run that said it speaks at least every so many seconds counts as lost once it was silent for so many times that;
 * and not before so many seconds, since a message may take its time.
 */
const MISSED_WORDS = 3;
const LEAST_SILENCE = 5;

/** Why it counts as lost. */
const NOT_HEARD = 'its program was not heard of any more';

/**
 * Seconds without a word after which a run that no status tells of has ended, where all its nodes have: between two
 * nodes that run one after the other a publisher says nothing for a moment.
 */
export const SETTLED_AFTER = 10;

/** What `closedBy` says of a node that ended with its program, without a word of its own. */
const CLOSED_BY_RUNNER = 'runner';

/** Earlier runs whose stragglers are recognised; a job's runs come one after another, so a few are enough. */
const PAST_RUNS = 32;

export class JobState {
  #expected; // ids of the graph's nodes: a run without a name has ended when all of them have
  #run = null;
  #nodes = new Map();
  #past = [];
  #beganElsewhere = null; // when the run without a name began, by the server's word
  // What a node's view needs of all nodes, {now, run, atFault}, since the last change: else each of 10,000 would look through all the others
  #moment = null;

  constructor(nodeIds = []) {
    this.expectNodes(nodeIds);
  }

  /** The graph is known now, perhaps later than the first messages. */
  expectNodes(nodeIds) {
    this.#moment = null;
    this.#expected = [...nodeIds];
  }

  /** Take a ProgressEvent in; `now` is in seconds since the epoch. True when something changed. */
  progress(event, now) {
    this.#moment = null;
    const runId = event.runId ?? this.#liveRunId();
    const admitted = runId === null ? this.#admitNameless(event) : this.#admitNamed(runId, event);
    if (!admitted) return false;
    const before = this.#nodes.get(event.nodeId) ?? null;
    if (before !== null && (isOutdated(before, event, runId) || isTheSame(before, event))) return false;
    const at = Math.min(event.ts ?? now, now); // a clock that is ahead tells no time to come
    const heardAt = before?.confirmed ? now : Math.min(now, at); // the first may be a snapshot of long ago
    this.#nodes.set(event.nodeId, { ...nodeAfter(before, event, runId, at), heardAt, word: event });
    if (this.#run.runId === runId) this.#hearOfWork(at, heardAt, beginning(event, at));
    return true;
  }

  /**
   * Take in when the first and the last word came of a run that no status tells of ({runId, began, heard}): the same
   * for everybody who watches, whenever they came. True when something changed.
   */
  seen({ runId, began, heard }, now) {
    this.#moment = null;
    this.#beganElsewhere = runId === null ? began : null;
    if (this.#run === null || this.#run.told || this.#run.runId !== runId) return runId === null;
    this.#run.startedAt = began;
    this.#run.heardAt = Math.min(now, heard);
    for (const node of this.#nodes.values()) {
      node.heardAt = Math.min(node.heardAt, this.#run.heardAt);
      if (node.endedAt !== null) node.endedAt = Math.min(node.endedAt, this.#run.heardAt); // of a snapshot, when this page came
    }
    return true;
  }

  /** Take a StatusEvent in. True when something changed. */
  status(event, now) {
    this.#moment = null;
    if (!this.#continues(event)) {
      if (this.#isOld(event)) return false;
      this.#begin(event.runId, event.ts);
    } else if (!this.#isNews(event)) {
      return this.#hearAlive(event, now);
    }
    const run = this.#run;
    const at = Math.min(event.ts ?? now, now); // a clock that is ahead tells no time to come
    run.status = event.status;
    run.reason = event.reason ?? run.reason;
    run.told = true;
    if (event.status === 'running') run.startedAt = at;
    if (RUN_ENDS.has(event.status)) run.endedAt = at;
    this.#hearAlive(event, now);
    return true;
  }

  /**
   * Fill in what no message told from the record of a run ({runId, status, reason, startedAt, endedAt, nodes}):
   * times, and the nodes of a run whose history the hub no longer has. The record may be a second behind:
   * of a node that something was heard of, it only brings the end. True when something changed.
   */
  record(record, now) {
    this.#moment = null;
    const ts = record.endedAt ?? record.startedAt ?? null;
    this.status({ runId: record.runId, status: record.status, reason: record.reason, ts }, now);
    if (this.#run?.runId !== record.runId) return false;
    this.#run.startedAt = record.startedAt ?? this.#run.startedAt;
    this.#run.endedAt = record.endedAt ?? this.#run.endedAt;
    for (const node of record.nodes) {
      const known = this.#nodes.get(node.nodeId) ?? null;
      const isNews = known === null || (!NODE_ENDS.has(known.status) && NODE_ENDS.has(node.status));
      if (!isNews) continue;
      const at = node.ts ?? ts ?? now;
      this.#nodes.set(node.nodeId, { ...nodeAfter(known, node, record.runId, at), heardAt: Math.min(now, at) });
    }
    return true;
  }

  /** When nodes began, as the run's history tells it: Map node id → epoch seconds; for those that were not heard at their beginning. */
  began(runId, times) {
    this.#moment = null;
    if (this.#run?.runId !== runId) return false;
    for (const [nodeId, ts] of times) {
      const node = this.#nodes.get(nodeId);
      if (node !== undefined && node.startedAt === null) node.startedAt = ts;
    }
    return true;
  }

  /** From `now` on messages can be heard again: silence of before says nothing of a node, or of the run. */
  listenAgain(now) {
    this.#moment = null;
    if (this.#run !== null) this.#run.heardAt = now;
    for (const node of this.#nodes.values()) node.heardAt = now;
  }

  /** The connection is new and a snapshot follows: what it says of a node replaces what we know, and begins nothing. */
  expectSnapshot() {
    this.#moment = null;
    for (const node of this.#nodes.values()) node.confirmed = false;
    if (this.#run !== null) this.#run.confirmed = false;
  }

  /**
   * The run shown, or null before any: {runId, status, reason, startedAt, endedAt, ended, told, silentSince}. Times in epoch
   * seconds. `told`: somebody answers for the run and will tell its end; false when only its nodes are heard. `silentSince`: its
   * last word, where it is lost by its silence. Without `now` (seconds) nobody knows how long it has been silent, and
   * whether it is lost or has ended for that.
   */
  run(now = null) {
    if (this.#run === null) return null;
    const stray = this.#strayWork();
    if (stray !== null) {
      return runView({ runId: null, reason: null, startedAt: this.#beganElsewhere ?? stray.startedAt, endedAt: null, told: false }, 'running');
    }
    return this.#viewOfRun(now);
  }

  // Of a run that somebody answers for, a snapshot of later does not tell when it began: its record will.
  get #startedAt() {
    const { told, startedAt, firstWord } = this.#run;
    return startedAt ?? (told ? null : firstWord);
  }

  #viewOfRun(now) {
    const status = this.#runStatus(now);
    const run = { ...this.#run, startedAt: this.#startedAt };
    if (this.#isLost(status, now)) return { ...runView({ ...run, endedAt: this.#lastWord() }, 'lost'), reason: NOT_HEARD, silentSince: this.#lastWord() };
    if (this.#run.told || !RUN_ENDS.has(status)) return runView(run, status);
    const ends = [...this.#nodes.values()].map((node) => node.endedAt).filter((at) => at !== null);
    return runView({ ...run, endedAt: this.#run.endedAt ?? Math.max(...ends) }, status);
  }

  /**
   * The node as it shall be shown; `state` is idle | running | stalled | success | error | stopped | cancelled | notrun:
   * `stopped` by the failure of another node, `cancelled` by a person.
   * Without `now` (seconds) nothing is stalled: nobody knows how long it has been silent.
   */
  node(nodeId, now = null) {
    const node = this.#nodes.get(nodeId) ?? null;
    const { run, atFault } = this.#at(now);
    const view = nodeView(nodeId, node, run, atFault);
    if (view.state !== 'running' || now === null || now - node.heardAt < STALLED_AFTER) return view;
    return { ...view, state: 'stalled', rate: 0, silentFor: now - node.heardAt };
  }

  /** Whether a run was followed by another one: what is said of it changes nothing any more. */
  isPast(runId) {
    return this.#past.includes(runId);
  }

  /** Ids of all nodes that anything was heard of, in the order in which they were first heard of. */
  nodeIds() {
    return [...this.#nodes.keys()];
  }

  #at(now) {
    if (this.#moment?.now === now) return this.#moment;
    const run = this.#run === null ? null : this.#viewOfRun(now);
    this.#moment = { now, run, atFault: this.#atFault(run) };
    return this.#moment;
  }

  #isLost(status, now) {
    const { aliveEvery } = this.#run;
    return now !== null && status === 'running' && aliveEvery !== null && now - this.#lastWord() >= Math.max(MISSED_WORDS * aliveEvery, LEAST_SILENCE);
  }

  // Whatever is said of a run tells that it lives.
  #lastWord() {
    const ofNodes = [...this.#nodes.values()].filter((node) => node.runId === this.#run.runId).map((node) => node.heardAt);
    return Math.max(this.#run.heardAt, ...ofNodes);
  }

  #hearAlive(event, now) {
    const { aliveEvery = null, aliveAt = null } = event;
    const run = this.#run;
    if (aliveEvery === null || event.status !== 'running' || run.status !== 'running') return false;
    if (run.confirmed && aliveAt !== null && aliveAt === run.aliveAt) return false; // the server tells what is true once more
    run.aliveEvery = aliveEvery;
    run.aliveAt = aliveAt;
    run.heardAt = run.confirmed ? now : Math.min(now, aliveAt ?? now); // the first may be a snapshot of long ago
    run.confirmed = true;
    return true;
  }

  // The run that progress without a runId counts for: the one under way, if it has a name.
  #liveRunId() {
    return this.#run !== null && !RUN_ENDS.has(this.#run.status) ? this.#run.runId : null;
  }

  #admitNamed(runId, event) {
    if (this.#run !== null && this.#run.runId === runId) return true;
    if (this.#isOld(event)) return false;
    this.#begin(runId, event.ts);
    return true;
  }

  #admitNameless(event) {
    const startsAgain = event.status === 'running' && this.#nodes.get(event.nodeId)?.confirmed === true;
    if (this.#run === null || (startsAgain && this.#isOver())) this.#begin(null, event.ts);
    return true;
  }

  // Whether nothing is under way, so that a node that starts begins another run.
  #isOver() {
    return RUN_ENDS.has(this.#runStatus(null)) || (!this.#run.told && this.#endOfNodes() !== null);
  }

  #continues(event) {
    if (this.#run === null || this.#run.runId !== event.runId) return false;
    const repeatedNameless = event.runId === null && this.#run.told && RUN_ENDS.has(this.#run.status);
    return !repeatedNameless || RUN_ENDS.has(event.status);
  }

  // Progress alone may have announced the run: its first status then brings the true time.
  #isNews(event) {
    const run = this.#run;
    return RANK[event.status] > RANK[run.status] || (!run.told && RANK[event.status] === RANK[run.status]);
  }

  // Clocks differ between machines, so time alone does not make a run old: its beginning is always believed.
  #isOld(event) {
    if (event.runId === null || this.#run === null) return false;
    if (this.#past.includes(event.runId)) return true;
    const { since } = this.#run;
    return RANK[event.status] === 2 && event.ts !== null && since !== null && event.ts < since;
  }

  #begin(runId, ts) {
    const before = this.#run?.runId ?? null;
    if (before !== null) this.#past = [...this.#past, before].slice(-PAST_RUNS);
    this.#run = {
      runId,
      status: 'queued',
      reason: null,
      since: ts,
      startedAt: null,
      firstWord: null, // of a node
      endedAt: null,
      told: false,
      aliveEvery: null,
      aliveAt: null,
      heardAt: null,
      confirmed: false,
    };
    this.#nodes.clear();
  }

  #hearOfWork(at, heardAt, beganAt) {
    this.#run.startedAt ??= beganAt;
    this.#run.firstWord ??= at;
    this.#run.heardAt = Math.max(this.#run.heardAt ?? heardAt, heardAt);
    if (this.#run.status === 'queued') this.#run.status = 'running';
  }

  // A run that no status tells of has nobody to tell its end: it ends with the last of its nodes. Where the graph is
  // known, all of them are; else, and where a run has a name and a status may follow, silence tells.
  #runStatus(now) {
    if (this.#run.told) return this.#run.status;
    const end = this.#endOfNodes();
    if (end === null) return this.#run.runId === null ? 'running' : this.#run.status;
    const isWhole = this.#expected.length > 0 && this.#expected.every((id) => this.#nodes.has(id));
    const isSilent = now !== null && this.#run.heardAt !== null && now - this.#run.heardAt >= SETTLED_AFTER;
    if (isSilent || (this.#run.runId === null && (isWhole || (end === 'failed' && this.#expected.length > 0)))) return end;
    return 'running';
  }

  // How a run ended whose nodes have all ended; null while one is at work, or none was heard of.
  #endOfNodes() {
    const statuses = [...this.#nodes.values()].map((node) => node.status);
    if (statuses.length === 0 || statuses.includes('running')) return null;
    return statuses.includes('failed') ? 'failed' : 'completed';
  }

  // The node that failed by itself, or null: then those that the run's end cut short were stopped, and are not at fault.
  #atFault(run) {
    return [...this.#nodes.values()].find((node) => node.status === 'failed' && !isCutShort(node, run)) ?? null;
  }

  // Somebody else's work on a job whose own run has ended.
  #strayWork() {
    if (this.#run.runId === null || !RUN_ENDS.has(this.#run.status)) return null;
    return [...this.#nodes.values()].find((node) => node.runId === null && node.status === 'running') ?? null;
  }
}

function isOutdated(node, event, runId) {
  if (runId === null || node.runId !== runId) return false;
  if (event.seq !== null && node.seq !== null && event.seq < node.seq && !isLater(event, node)) return true;
  return NODE_ENDS.has(node.status);
}

function isLater({ ts }, node) {
  return ts !== null && node.ts !== null && ts > node.ts;
}

// Whether it is the node's last word once more, as the server tells it to who asks whether it is there: that is no sign of life.
// Of a message without a number and a time nobody knows.
function isTheSame({ word, confirmed }, event) {
  if (!confirmed || !word || (event.seq ?? event.ts ?? null) === null) return false;
  return ['seq', 'ts', 'status', 'rowCount', 'message'].every((name) => word[name] === event[name]);
}

function nodeAfter(before, event, runId, at) {
  const same = before !== null && before.runId === runId ? before : null;
  const mark = same?.mark ?? { at, rows: event.rowCount };
  const seconds = at - mark.at;
  const measured = seconds >= RATE_WINDOW;
  return {
    nodeName: event.nodeName,
    status: event.status,
    rowCount: event.rowCount,
    message: event.message,
    row: event.row ?? null,
    fault: event.fault ?? null,
    closedBy: event.closedBy ?? null,
    fromRun: event.fromRun ?? null,
    rowTotal: event.rowTotal ?? same?.rowTotal ?? null,
    share: event.share ?? same?.share ?? null,
    ports: event.ports ?? same?.ports ?? null,
    runId,
    seq: event.seq ?? same?.seq ?? null,
    ts: event.ts ?? same?.ts ?? null,
    startedAt: same === null ? beginning(event, at) : same.startedAt,
    endedAt: NODE_ENDS.has(event.status) ? at : null,
    confirmed: true,
    mark: measured ? { at, rows: event.rowCount } : mark,
    rate: measured ? Math.max(0, (event.rowCount - mark.rows) / seconds) : (same?.rate ?? null),
  };
}

// When it began is known of a node that was heard at its beginning; a snapshot of later does not tell.
function beginning(event, at) {
  return event.status === 'running' && event.rowCount === 0 ? at : null;
}

function runView({ runId, reason, startedAt, endedAt, told }, status) {
  return { runId, status, reason, startedAt, endedAt, ended: RUN_ENDS.has(status), told, silentSince: null };
}

function nodeView(nodeId, node, run, atFault) {
  const state = shownState(node, run, atFault);
  return {
    nodeId,
    nodeName: node?.nodeName ?? '',
    state,
    rowCount: node?.rowCount ?? 0,
    rowTotal: node?.rowTotal ?? null,
    toldShare: node?.share ?? null,
    ports: node?.ports ?? null,
    fromRun: node?.fromRun ?? null, // the run whose rows these are: the node did not run again
    message: shownMessage(node, run, state, atFault),
    row: state === 'error' && !isCutShort(node, run) ? node.row : null,
    fault: state === 'error' && !isCutShort(node, run) ? node.fault : null,
    rate: state === 'running' ? node.rate : null,
    startedAt: node?.startedAt ?? null,
    endedAt: node?.endedAt ?? null,
    silentFor: null,
    heard: node !== null,
  };
}

function shownState(node, run, atFault) {
  if (node === null) return run !== null && run.ended ? 'notrun' : 'idle';
  if (node.status === 'completed') return 'success';
  if (isCutShort(node, run)) return endOfCutShort(run, atFault);
  return node.status === 'failed' ? 'error' : 'running';
}

// A run that completed has completed each node, even one whose last word comes later than the run's, or never.
function endOfCutShort(run, atFault) {
  if (run.status === 'completed') return 'success';
  if (run.status === 'cancelled') return 'cancelled';
  return atFault === null ? 'error' : 'stopped';
}

// A node that its run's end cut short did not tell its own end: the runner closed it, or nobody did.
function isCutShort(node, run) {
  if (!run.ended || node.runId !== run.runId) return false;
  return node.status === 'running' || (node.status === 'failed' && node.closedBy === CLOSED_BY_RUNNER);
}

// The run tells its reason once; the nodes that it stopped do not repeat it.
function shownMessage(node, run, state, atFault) {
  if (node === null || !isCutShort(node, run)) return node?.message ?? '';
  if (state === 'success') return node.message;
  if (state === 'stopped') return `${atFault.nodeName} failed`;
  return state === 'cancelled' ? '' : (run.reason ?? node.message);
}
