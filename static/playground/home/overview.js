/**
 * What is now true of the runs of all jobs: the lists that the server keeps, and what was heard since. Pure.
 *
 * A run is {runId, jobId, jobName, status, reason, createdAt, startedAt, endedAt, startedBy}, and what else a list has of it, as `dueAt` of a retry;
 * null for what is not known. Times are epoch seconds.
 * A run only goes up (queued, running, an end), so whichever of list and message is further is believed.
 */

import { RUN_ENDS } from '../../realtime/messages.js';

/** Seconds for which a failure is told. */
export const FAILED_WITHIN = 24 * 3600;

/** Seconds without a word after which a program that tells no status is not told as reporting any more. */
export const REPORTS_WITHIN = 20;

/** Seconds for which a program that is not ours, and is not kept, is listed after its last word. */
export const LISTED_FOR = 600;

/** Of a run that said it speaks each so many seconds: how many it may miss, and how late briefs are (docs/protocol.md). */
const MISSED_WORDS = 3;
const LEAST_SILENCE = 5;
const BRIEFS_LAG = 5;

/** Runs that are kept beside those of the lists; then the one heard first goes. */
const MOST_HEARD = 2_000;

const RANK = { queued: 0, running: 1, ...Object.fromEntries([...RUN_ENDS].map((end) => [end, 2])) };
const FAILURES = new Set(['failed', 'lost']);

export class Overview {
  #jobs = new Map(); // id → {id, name, lastRun}: those that are stored
  #areJobsKnown = false; // the server has told them
  #runs = new Map(); // run id → {run, heardAt: page seconds, 0 for what only a list told}
  #areRunsKnown = false;
  #isCut = { queued: false, running: false, failed: false }; // the server has more than it told
  #lastFailed = null; // of the failures that it told, the one that began first
  #briefs = new Map(); // job id → {brief, heardAt: page seconds}
  #foreign = new Set(); // ids of jobs that the server does not have

  /** The jobs that are stored. What was heard of one that is stored no more is over, and no word of a program that is not ours. */
  takeJobs(jobs) {
    const before = this.#jobs;
    this.#jobs = new Map(jobs.map((job) => [job.id, job]));
    for (const id of before.keys()) if (!this.#jobs.has(id)) this.#forget(id);
    this.#areJobsKnown = true;
    for (const { id } of jobs) this.#foreign.delete(id);
    for (const { brief, heardAt } of this.#briefs.values()) this.#takeStatus(brief, heardAt);
  }

  /**
   * The server's lists of runs that wait, that are under way, and of failures, each {runs, next}, as they were asked for at `askedAt`: what was
   * heard after that moment is newer than they are. `now` and `askedAt` by the page's clock.
   */
  takeRuns({ queued, running, failed }, askedAt) {
    const kept = [...this.#runs].filter(([, { heardAt }]) => heardAt >= askedAt);
    const told = new Map(kept);
    for (const run of [...queued.runs, ...running.runs, ...failed.runs]) { // of one that went on between the answers the last is true
      const known = this.#runs.get(run.runId);
      told.set(
        run.runId,
        known !== undefined && RANK[known.run.status] > RANK[run.status] ? { ...known, run: { ...run, ...ofMessage(known.run) } } : { run, heardAt: 0 },
      );
    }
    this.#runs = told;
    this.#isCut = { queued: queued.next !== null, running: running.next !== null, failed: failed.next !== null };
    this.#lastFailed = failed.runs.at(-1) ?? null;
    this.#areRunsKnown = true;
  }

  /** What is heard of a job. Returns the run of a stored job that has now changed, or null. */
  takeBrief(brief, now) {
    this.#briefs.set(brief.jobId, { brief, heardAt: now });
    return this.#takeStatus(brief, now);
  }

  #takeStatus(brief, now) {
    if (brief.status === null || brief.status.runId === null || !this.#jobs.has(brief.jobId)) return null;
    const { runId } = brief.status;
    const known = this.#runs.get(runId)?.run ?? null;
    if (known !== null && RANK[brief.status.status] <= RANK[known.status]) return null;
    const listed = this.#jobs.get(brief.jobId).lastRun ?? null;
    if (known === null && listed?.runId === runId && RANK[brief.status.status] <= RANK[listed.status]) return null;
    const run = runAfter(known ?? newRun(brief, this.nameOf(brief.jobId)), brief.status);
    this.#runs.delete(runId);
    this.#runs.set(runId, { run, heardAt: now });
    if (this.#runs.size > MOST_HEARD) this.#dropOldest();
    return run;
  }

  /** The connection is new: what is heard from now on begins with what is true, so a run that is not told again has ended. */
  forgetHeard() {
    this.#briefs.clear();
    for (const [runId, { run, heardAt }] of this.#runs) if (heardAt > 0 && !RUN_ENDS.has(run.status)) this.#runs.delete(runId);
  }

  /** Somebody signs in, who may be another one. */
  forget() {
    for (const known of [this.#jobs, this.#runs, this.#briefs, this.#foreign]) known.clear();
    this.#areJobsKnown = false;
    this.#areRunsKnown = false;
  }

  get areJobsKnown() {
    return this.#areJobsKnown;
  }

  get isKnown() {
    return this.#areRunsKnown && this.#areJobsKnown;
  }

  /**
   * Whether more are meant than are told: {running, waiting, failed}. The server tells failures by their beginnings: where the earliest that it told
   * ended too long ago, those that began before are taken to have, too; one of them that took much longer is not counted.
   */
  isMore(now) {
    const { queued, running, failed } = this.#isCut;
    return { running, waiting: queued, failed: failed && (this.#lastFailed === null || isRecent(this.#lastFailed, now)) };
  }

  /** Jobs that something is heard of and that the list does not have: they may be new, or programs that are not ours. */
  strangers() {
    return !this.#areJobsKnown ? [] : [...this.#briefs.keys()].filter((jobId) => !this.#jobs.has(jobId) && !this.#foreign.has(jobId));
  }

  /** The server has no run of this job: what is heard of it comes from a program that is not ours. */
  noteForeign(jobId) {
    this.#foreign.add(jobId);
  }

  nameOf(jobId) {
    return this.#jobs.get(jobId)?.name ?? null;
  }

  /** Runs under way, the one that began last first. */
  running() {
    return this.#ofStatus((status) => status === 'running').sort((one, other) => (other.startedAt ?? 0) - (one.startedAt ?? 0));
  }

  /** Runs that wait, those whose turn is next first. */
  waiting(now) {
    return this.#ofStatus((status) => status === 'queued').sort(byTurn(now));
  }

  /** Runs that failed, or were lost, in the last 24 h; the latest first. */
  failed(now) {
    return this.#ofStatus((status) => FAILURES.has(status)).filter((run) => isRecent(run, now)).sort((one, other) => (other.endedAt ?? 0) - (one.endedAt ?? 0));
  }

  /** Job id → what was heard last of its runs, for those that were heard of. */
  heardRuns() {
    const latest = new Map();
    for (const { run } of this.#runs.values()) if (isLater(run, latest.get(run.jobId) ?? null)) latest.set(run.jobId, run);
    return latest;
  }

  /**
   * Programs that are not ours, those that report now first: {jobId, name, status, reason, heard, isStored}. `status` is that of
   * their run, `reporting` where no status tells of it, `silent` where that is over, or `unheard` of one that is kept and was not heard of.
   * `kept`: Map job id → the name that somebody gave it.
   */
  foreign(kept, now) {
    if (!this.#areJobsKnown) return [];
    const heard = [...this.#briefs.values()].filter(({ brief }) => (this.#jobs.has(brief.jobId) ? brief.untold : this.#foreign.has(brief.jobId)));
    const shown = heard.map(({ brief }) => foreignView(brief, now)).filter(({ jobId, status, heard: at }) =>
      kept.has(jobId) || status === 'running' || now - at < LISTED_FOR
    );
    const unheard = [...kept.keys()].filter((jobId) => !this.#jobs.has(jobId) && !this.#briefs.has(jobId)).map((jobId) => ({
      jobId,
      status: 'unheard',
      reason: null,
      heard: null,
      startedAt: null,
    }));
    const named = [...shown, ...unheard].map((view) => ({
      ...view,
      name: kept.get(view.jobId) ?? this.nameOf(view.jobId),
      isStored: this.#jobs.has(view.jobId),
    }));
    return named.sort((one, other) => Number(isNow(other)) - Number(isNow(one)) || one.jobId - other.jobId);
  }

  #ofStatus(isWanted) {
    return [...this.#runs.values()].map(({ run }) => run).filter(({ status }) => isWanted(status));
  }

  #forget(jobId) {
    this.#briefs.delete(jobId);
    for (const [runId, { run }] of this.#runs) if (run.jobId === jobId) this.#runs.delete(runId);
  }

  // Of those that only a message told, and that have ended.
  #dropOldest() {
    for (const [runId, { run }] of this.#runs) if (RUN_ENDS.has(run.status)) return this.#runs.delete(runId);
    return this.#runs.delete(this.#runs.keys().next().value);
  }
}

/** The middle of how long runs took that completed, in seconds; null where none did. */
export function typicalDuration(runs) {
  const took = runs.filter(({ status, startedAt, endedAt }) => status === 'completed' && startedAt !== null && endedAt !== null).map(({ startedAt, endedAt }) =>
    endedAt - startedAt
  ).sort((one, other) => one - other);
  if (took.length === 0) return null;
  const middle = Math.floor(took.length / 2);
  return took.length % 2 === 1 ? took[middle] : (took[middle - 1] + took[middle]) / 2;
}

/** The later of two runs of a job, either of which may be null. */
export function laterRun(one, other) {
  if (one === null || other === null) return one ?? other;
  return isLater(one, other) ? one : other;
}

/** A job's last runs, newest first, with the one that was heard of since: in its place, or before them all. */
export function withHeard(runs, heard) {
  if (heard === null) return runs;
  const at = runs.findIndex(({ runId }) => runId === heard.runId);
  if (at < 0) return isLater(heard, runs[0] ?? null) ? [heard, ...runs] : runs;
  return RANK[heard.status] > RANK[runs[at].status] ? runs.with(at, { ...runs[at], ...ofMessage(heard) }) : runs;
}

/** Whether it is a retry that waits for its time. */
export function isEarly({ status, dueAt = null }, now) {
  return status === 'queued' && dueAt !== null && dueAt > now;
}

/** Compares runs that wait: those whose turn is next first, and behind them retries that wait for their time, as the server lists them. */
export function byTurn(now) {
  const due = (run) => (isEarly(run, now) ? run.dueAt : 0);
  return (one, other) => due(one) - due(other) || (one.createdAt ?? 0) - (other.createdAt ?? 0);
}

function isRecent({ endedAt, createdAt }, now) {
  return now - (endedAt ?? createdAt ?? now) < FAILED_WITHIN;
}

function isNow({ status }) {
  return status === 'running' || status === 'reporting';
}

function isLater(run, other) {
  if (other === null) return true;
  if (run.runId === other.runId) return RANK[run.status] >= RANK[other.status];
  return (run.createdAt ?? run.startedAt ?? run.endedAt ?? 0) >= (other.createdAt ?? 0);
}

function foreignView({ jobId, status, heard, untold }, now) {
  const silent = now - heard;
  if (untold || status === null) return { jobId, status: silent < REPORTS_WITHIN ? 'reporting' : 'silent', reason: null, heard, startedAt: null };
  const { aliveEvery, reason, ts } = status;
  const isLost = status.status === 'running' && aliveEvery !== null && silent >= Math.max(MISSED_WORDS * aliveEvery, LEAST_SILENCE) + BRIEFS_LAG;
  return {
    jobId,
    status: isLost ? 'lost' : status.status,
    reason: isLost ? 'its program was not heard of any more' : reason,
    heard,
    startedAt: status.status === 'running' ? ts : null,
  };
}

function newRun({ jobId, status }, jobName) {
  return { runId: status.runId, jobId, jobName, status: 'queued', reason: null, createdAt: null, startedAt: null, endedAt: null, startedBy: null };
}

function runAfter(run, { status, reason, ts }) {
  if (status === 'queued') return { ...run, createdAt: run.createdAt ?? ts };
  if (status === 'running') return { ...run, status, createdAt: run.createdAt ?? ts, startedAt: ts };
  return { ...run, status, reason, endedAt: ts };
}

// What a message knows of a run, without what only a list has.
function ofMessage({ status, reason, startedAt, endedAt }) {
  const known = { status, reason, startedAt, endedAt };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== null));
}
