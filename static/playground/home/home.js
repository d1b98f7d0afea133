/**
 * Home and the runs of all jobs: asks the server for their lists, hears what changes, and has them drawn. Owns which jobs and runs are
 * listed.
 */

import { RUN_ENDS } from '../../realtime/messages.js';
import { FAILED_OR_LOST, runsPlace } from '../places/address.js';
import { askAgainAfter } from '../server/asking-again.js';
import { InOrder } from '../server/in-order.js';
import { oneAtATime } from '../server/one-at-a-time.js';
import { NOT_READ, RUNS_ANEW, withFirstPage, withNextPage } from '../server/read-anew.js';
import { plain } from '../parts/texts/find.js';
import { currentRights } from '../session/session.js';
import { HomeView } from './home-view.js';
import { keepProgram, keptPrograms } from './kept-programs.js';
import { byTurn, FAILED_WITHIN, withHeard } from './overview.js';
import { RunsPageView } from './runs-page-view.js';
import { WatchedRuns } from './watched-runs.js';

/** Entries of a page of jobs, and of runs; and the runs of a job's strip. */
const JOBS = 50;
const RUNS = 50;
const STRIP = 14;

/** Runs under way, and failures, that are listed at most. */
const MOST_LISTED = 100;

/** Seconds that a run takes at most whose failure is surely listed: the lists are asked for by a run's beginning. */
const LONGEST_RUN = 24 * 3600;

/** Milliseconds from a change to the next look at the lists, so that a crowd of changes is one; and between two looks without any. */
const AFTER_CHANGE = 1_000;
const LOOK_PERIOD = 30_000;

/** The same where changes are not heard of: over HTTP. */
const DEAF_PERIOD = 5_000;

/** How the list of jobs is read anew, newest first. */
const JOBS_ANEW = { keyOf: ({ id }) => id, isBehind: ({ id }, last) => id < last.id };

/** Milliseconds after the last key in which a search is asked for. */
const TYPING = 250;

/** Runs that the server tells at once. */
const MOST_RUNS = 500;

/** Runs that are looked through for a text at a time; then the person says whether to go on. */
const MOST_SEARCHED = 1_000;

/** Milliseconds for which runs that were left are found as they were: those beyond the first page are not read anew. */
const KEPT_RUNS = 60_000;

/** Runs that wait whose place is asked for. */
const MOST_PLACES = 5;

export class Home {
  #api;
  #page;
  #refreshJobs;
  #overview;
  #place = null; // of home or of the runs, null while a job is shown; one object for each that is gone to: it says whose answers are awaited
  #listing = nothingListed(); // jobs of home: {search, list, isKnown}
  #all = []; // jobs of the last listing that was no search
  #found = nothingFound(); // runs of all jobs: {list, searched, wanted: of which place, leftAt: page milliseconds}
  #places = new Map(); // run id → runs before it
  #cancelled = new Set(); // ids of runs whose cancel was asked for
  #timer = null;
  #askedAt = 0; // page milliseconds of the last look
  #looks = new InOrder();
  #lastLook = null; // one object for each look
  #isEarly = true; // nothing is asked for until `begin`
  #isRefused = false; // the server did not tell the lists when they were asked for last
  #typing = null;
  #isAsking = false; // whether jobs that are not in the list are ours
  #watched;
  #view;
  #runsView;

  /** `does`: {newJob(), importJobs(), refreshJobs(), subscribe(jobId), unsubscribe(jobId)}. */
  constructor({ api, page, overview, does }) {
    this.#api = api;
    this.#page = page;
    this.#refreshJobs = does.refreshJobs;
    this.#overview = overview;
    this.#watched = new WatchedRuns({ api, page, subscribe: does.subscribe, unsubscribe: does.unsubscribe });
    this.#view = new HomeView({
      onGo: (place) => page.go(place),
      onCancel: (runId) => this.#cancel(runId),
      onSearch: (text) => this.#search(text),
      onMoreJobs: oneAtATime(() => this.#loadMoreJobs()),
      onNewJob: () => does.newJob(),
      onImport: () => does.importJobs(),
      onKeep: (jobId, name) => this.#keep(jobId, name),
    });
    this.#runsView = new RunsPageView({
      onGo: (place) => page.go(place),
      onFilter: (filter) => page.go(runsPlace(filter), { replace: true }),
      onMore: oneAtATime(() => this.#loadMoreRuns()),
    });
  }

  /** Show a place of home or of the runs; null: a job is shown instead. */
  show(place) {
    const isOther = JSON.stringify(place) !== JSON.stringify(this.#place);
    if (isOther) {
      if (this.#place?.page === 'runs') this.#found = { ...this.#found, leftAt: Date.now() };
      this.#place = place;
    }
    this.#view.show(place?.page === 'home');
    this.#runsView.show(place?.page === 'runs' ? place : null);
    if (place?.page !== 'home') this.#watched.show([]);
    if (place !== null && isOther) this.#startOver();
  }

  /** A brief of any job; true when something changed that is drawn. */
  hearBrief(brief, now) {
    const changed = this.#overview.takeBrief(brief, now);
    if (changed !== null || !this.#overview.areJobsKnown) this.#lookSoon(AFTER_CHANGE);
    this.askForStrangers();
    return changed;
  }

  /** Jobs are heard of that the list does not have: one after the other the server is asked whether it has a run of theirs. */
  async askForStrangers() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    for (let [jobId] = this.#overview.strangers(); jobId !== undefined; [jobId] = this.#overview.strangers()) if (!(await this.#askFor(jobId))) break;
    this.#isAsking = false;
  }

  // False where there is no answer, or where the list of jobs is old: both are asked for again.
  async #askFor(jobId) {
    const runs = await this.#api.allRuns({ job: jobId, limit: 1 }).then(({ runs: found }) => found, (problem) => (problem.status === 400 ? [] : null)); // 400: a number that no job of ours can have
    if (runs?.length === 0) this.#overview.noteForeign(jobId);
    else if (runs !== null) this.#refreshJobs();
    this.#page.redraw();
    return runs?.length === 0;
  }

  /** A message of a job that is watched for its progress. */
  hear(event, kind) {
    if (this.#place !== null && this.#watched.hear(event, kind)) this.#page.redraw();
  }

  expectSnapshot() {
    this.#overview.forgetHeard();
    this.#watched.expectSnapshot();
  }

  /** Somebody signs in, who may be another one: what was listed, and answers that are on their way, are for the one before. Lists wait for `begin`. */
  forget() {
    this.#looks.ask()();
    this.#overview.forget();
    this.#listing = { ...nothingListed(), search: this.#listing.search };
    this.#all = [];
    this.#found = { ...nothingFound(), wanted: this.#found.wanted };
    this.#isEarly = true;
    this.#page.redraw();
  }

  /** The first connection stands, or is not waited for any longer: lists of before would have to be asked for again. */
  begin() {
    if (!this.#isEarly) return;
    this.#isEarly = false;
    if (this.#place !== null) this.#look();
  }

  /** News can be heard, for the first time or again: of what happened meanwhile the lists tell. */
  catchUp() {
    this.#isEarly = false;
    this.#watched.listenAgain();
    if (this.#place !== null) this.#look();
  }

  /** `since`, `staleWord`: see RunView; `isDeaf`: nothing is heard of changes, the lists are looked at from time to time. */
  draw({ now, clock, since, staleWord, isDeaf }) {
    if (this.#place === null) return;
    this.#lookIfDue(isDeaf ? DEAF_PERIOD : LOOK_PERIOD);
    const freshness = { since, staleWord, isDeaf, isKnown: this.#overview.isKnown, isRefused: this.#isRefused };
    if (this.#place.page === 'runs') {
      const { list, searched } = this.#found;
      const told = { runs: this.#runsNow(), next: list.next, searched, isKnown: list.pages > 0 };
      return this.#runsView.draw({ ...told, now, freshness, jobName: this.#overview.nameOf(this.#place.job) });
    }
    const running = this.#overview.running();
    this.#watched.show(isDeaf ? [] : running); // over HTTP each is a stream, of which the server has few
    const kept = keptPrograms();
    const share = (run) => this.#watched.shareOf(run, now, clock);
    return this.#view.draw({
      running: running.slice(0, MOST_LISTED).map((run) => ({ ...run, share: share(run), ...this.#cancelOf(run) })),
      waiting: this.#overview.waiting(now).slice(0, MOST_LISTED).map((run) => ({
        ...run,
        before: this.#places.get(run.runId) ?? null,
        ...this.#cancelOf(run),
      })),
      failed: this.#overview.failed(now).slice(0, MOST_LISTED),
      counts: this.#counts(now),
      foreign: this.#overview.foreign(kept, now),
      kept,
      jobs: this.#jobsNow(),
      listing: { search: this.#listing.search, next: this.#listing.list.next, isKnown: this.#listing.isKnown },
      freshness,
      now,
    });
  }

  // ---- what is drawn

  #cancelOf({ runId }) {
    return { canCancel: currentRights().canCancel, isCancelling: this.#cancelled.has(runId) };
  }

  #counts(now) {
    return {
      running: this.#overview.running().length,
      waiting: this.#overview.waiting(now).length,
      failed: this.#overview.failed(now).length,
      isMore: this.#overview.isMore(now),
    };
  }

  // Until the server has answered a search, and where it cannot, those of before that it means.
  #jobsNow() {
    const heard = this.#overview.heardRuns();
    const { list, search, isKnown } = this.#listing;
    const shown = isKnown ? list.entries : list.entries.filter(({ name }) => plain(name).includes(plain(search)));
    return shown.map((job) => ({ ...job, runs: withHeard(job.runs, heard.get(job.id) ?? null).slice(0, STRIP) }));
  }

  #runsNow() {
    const heard = this.#overview.heardRuns();
    return this.#found.list.entries.map((run) => {
      const news = heard.get(run.jobId);
      return news?.runId === run.runId ? withHeard([run], news)[0] : run;
    });
  }

  // ---- the lists

  #startOver() {
    if (this.#place.page === 'runs') this.#findAt(this.#place);
    if (!this.#isEarly) this.#look();
  }

  #lookSoon(wait) {
    if (this.#place === null) return;
    this.#timer ??= setTimeout(() => this.#look(), wait);
  }

  #lookIfDue(period) {
    if (!this.#isEarly && this.#timer === null && document.visibilityState === 'visible' && Math.abs(Date.now() - this.#askedAt) >= period) this.#look();
  }

  #look() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#askedAt = Date.now();
    if (this.#place?.page === 'runs') this.#ask(() => this.#readRuns());
    else if (this.#place !== null) this.#ask(() => this.#readHome());
  }

  // What the last look did not bring is looked for again before the next one is due. Looks before it would each go on asking beside it.
  async #ask(read) {
    const asked = (this.#lastLook = {});
    const look = async () => {
      try {
        await read();
      } catch (problem) {
        askAgainAfter(problem, () => asked === this.#lastLook && this.#lookSoon(0));
        throw problem;
      }
    };
    const isTold = await this.#page.attempt(look, { quiet: true });
    if (asked === this.#lastLook) this.#isRefused = !isTold;
    this.#page.redraw();
  }

  async #readHome() {
    const askedAt = Date.now() / 1000;
    const since = Math.floor(this.#api.now() - FAILED_WITHIN - LONGEST_RUN);
    const listing = this.#listing;
    const isNewest = this.#looks.ask();
    const [lists, first] = await Promise.all([
      this.#readRunLists(since),
      this.#api.jobsPage({ q: listing.search, runs: STRIP, limit: JOBS }),
    ]);
    if (!isNewest()) return;
    this.#overview.takeRuns(lists, askedAt);
    if (this.#listing === listing) this.#listing = { ...listing, list: withFirstPage(listing.list, pageOfJobs(first), JOBS_ANEW), isKnown: true };
    await this.#askForPlaces(isNewest);
    this.#page.redraw();
  }

  // Apart, as the newest of all may all wait; and in the order in which a run goes from one to the next, so that none is in no list.
  async #readRunLists(since) {
    const queued = await this.#api.allRuns({ status: 'queued', limit: MOST_LISTED });
    const running = await this.#api.allRuns({ status: 'running', limit: MOST_LISTED });
    const failed = await this.#api.allRuns({ status: FAILED_OR_LOST, since, limit: MOST_LISTED });
    return { queued, running, failed };
  }

  async #askForPlaces(isNewest) {
    const waiting = this.#overview.waiting(this.#api.now()).slice(0, MOST_PLACES);
    const records = await Promise.all(waiting.map(({ runId }) => this.#api.run(runId).catch(() => null)));
    if (!isNewest()) return;
    this.#places = new Map(records.filter((record) => record?.queuePosition != null).map(({ runId, queuePosition }) => [runId, queuePosition]));
  }

  #search(text) {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => {
      const search = text.trim();
      const { search: before, list } = this.#listing;
      if (before === '') this.#all = list.entries;
      const isNarrower = plain(search).includes(plain(before));
      this.#listing = { ...nothingListed(), search, list: { ...NOT_READ, entries: isNarrower ? list.entries : this.#all } };
      this.#look();
    }, TYPING);
  }

  #loadMoreJobs() {
    const { search, list } = this.#listing;
    return this.#page.attempt(async () => {
      const page = await this.#api.jobsPage({ q: search, runs: STRIP, limit: JOBS, before: list.next });
      if (this.#listing.search !== search || this.#listing.list.next !== list.next) return; // the list is another meanwhile
      this.#listing = { ...this.#listing, list: withNextPage(this.#listing.list, pageOfJobs(page)) };
      this.#page.redraw();
    });
  }

  // ---- the runs of all jobs

  // Who comes back to them soon finds them, and those that were read beyond the first page, where they were.
  #findAt(place) {
    const wanted = JSON.stringify(place);
    const isKept = this.#found.wanted === wanted && Math.abs(Date.now() - this.#found.leftAt) < KEPT_RUNS;
    if (!isKept) this.#found = { ...nothingFound(), wanted };
  }

  async #readRuns() {
    const place = this.#place;
    const isNewest = this.#looks.ask();
    const page = await this.#api.allRuns({ ...filterOf(place), limit: place.q === null ? this.#reach : MOST_RUNS });
    if (place !== this.#place || !isNewest()) return;
    const anew = place.status === 'queued' ? waitingAnew(this.#api.now()) : RUNS_ANEW;
    const list = withFirstPage(this.#found.list, { entries: page.runs, next: page.next }, anew);
    const isBegun = page.next === null || list.pages === 1;
    this.#found = { ...this.#found, list: { ...list, entries: matching(list.entries, place.q) }, searched: isBegun ? page.runs.length : this.#found.searched };
    if (isBegun && place.q !== null) await this.#searchOn(place, 0);
    this.#page.redraw();
  }

  // How many runs are read anew: down to the last one that may have changed.
  get #reach() {
    const last = this.#found.list.entries.findLastIndex(({ status }) => !RUN_ENDS.has(status));
    return Math.min(Math.max(RUNS, last + 1), MOST_RUNS);
  }

  #loadMoreRuns() {
    const place = this.#place;
    return this.#page.attempt(() => (place.q === null ? this.#addRuns(place) : this.#searchOn(place, this.#found.searched)));
  }

  async #addRuns(place) {
    const before = this.#found.list.next;
    const { runs, next } = await this.#api.allRuns({ ...filterOf(place), before });
    if (place !== this.#place || before !== this.#found.list.next) return; // the list is another meanwhile
    this.#found = {
      ...this.#found,
      list: withNextPage(this.#found.list, { entries: matching(runs, place.q), next }),
      searched: this.#found.searched + runs.length,
    };
    this.#page.redraw();
  }

  // The server does not search texts: runs are looked through here, so many at a time. `from`: those looked through when it was asked for.
  async #searchOn(place, from) {
    const most = from + MOST_SEARCHED;
    const enough = this.#found.list.entries.length + RUNS;
    const isEnough = ({ list, searched }) => list.next === null || searched >= most || list.entries.length >= enough;
    while (place === this.#place && !isEnough(this.#found)) await this.#addRuns(place);
  }

  // ---- what a person asks for

  async #cancel(runId) {
    this.#cancelled.add(runId);
    this.#page.redraw();
    const went = await this.#page.attempt(() => this.#api.cancel(runId));
    if (!went) this.#cancelled.delete(runId);
    this.#lookSoon(AFTER_CHANGE);
    this.#page.redraw();
  }

  #keep(jobId, name) {
    if (!keepProgram(jobId, name)) this.#page.say('This browser keeps nothing for this page, so it cannot remember that.', 'error');
    this.#page.redraw();
  }
}

/** A day of the person's calendar, "2026-11-27", as [since, until) in epoch seconds. */
function spanOf(day) {
  const [year, month, date] = day.split('-').map(Number);
  return [new Date(year, month - 1, date), new Date(year, month - 1, date + 1)].map((moment) => moment.getTime() / 1000);
}

function filterOf({ status, job, day, q }) {
  const [since, until] = day === null ? [null, null] : spanOf(day);
  return { status: status ?? '', job, since, until, limit: q === null ? RUNS : MOST_RUNS };
}

// How a list of runs that wait is read anew.
function waitingAnew(now) {
  return { ...RUNS_ANEW, isBehind: (run, last) => byTurn(now)(run, last) >= 0 };
}

function matching(runs, q) {
  if (q === null) return runs;
  const words = plain(q).split(/\s+/);
  const textOf = ({ jobName, reason, startedBy, runId, jobId }) => plain([jobName, `#${jobId}`, reason, startedBy, runId].join(' '));
  return runs.filter((run) => words.every((word) => textOf(run).includes(word)));
}

function nothingListed() {
  return { search: '', list: NOT_READ, isKnown: false };
}

function nothingFound() {
  return { list: NOT_READ, searched: 0, wanted: null, leftAt: 0 };
}

function pageOfJobs({ jobs, next }) {
  return { entries: jobs, next };
}
