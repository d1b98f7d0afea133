/**
 * The runs of the job at hand: the drawers under the graph, and a past run in place of what is true now. Owns which run
 * is looked at, and what was fetched of it.
 *
 * "The run shown" is the past run that is looked at, else the live one.
 */

import { isReject } from '../model/ports.js';
import { copy } from '../parts/copying.js';
import { room } from '../parts/dom.js';
import { saveAs } from '../parts/save-as.js';
import { jobPlace, linkTo } from '../places/address.js';
import { askAgainAfter } from '../server/asking-again.js';
import { InOrder } from '../server/in-order.js';
import { oneAtATime } from '../server/one-at-a-time.js';
import { NOT_READ, RUNS_ANEW, withFirstPage, withNextPage } from '../server/read-anew.js';
import { currentRights } from '../session/session.js';
import { CompareView } from './compare/compare-view.js';
import { compared, comparedWith } from './compare/compare.js';
import { DrawersView } from './drawers/drawers-view.js';
import { HistoryView } from './drawers/history-view.js';
import { FIRST_BYTES, LogView, tracebackIn } from './drawers/log-view.js';
import { ProgramView } from './drawers/program-view.js';
import { TableView } from './drawers/table-view.js';
import { TimesView } from './drawers/times-view.js';
import { PastView } from './past/past-view.js';
import { Replay } from './past/replay.js';

/** Milliseconds between two looks at a log that grows, and after one that failed. */
const LOG_PERIOD = 1_000;
const LOG_RETRY = 3_000;

/** Runs of a page of the list. */
const RUNS = 30;

/** Of no run. */
const NO_TRACE = { runId: null, text: null };

/** Pixels; in a narrower window a drawer leaves no room for the graph. */
const NARROW = 860;

export class Runs {
  #api;
  #page;
  #tells; // {onOpening, onDrawer, onPast, onPlace, restore}
  #jobId = null; // null: no job of ours
  #list = NOT_READ; // of its runs
  #looks = new InOrder(); // at the list
  #refreshing = Promise.resolve(); // until the list that was asked for last is there, or did not come
  #expected = { runId: null, rows: new Map() }; // of the last completed run
  #past = null; // {record, replay, ts}
  #wanted = null; // the place that was gone to last: what comes late for another one is not shown; null: now
  #shownId = null; // of the run shown; null: none
  #live = null; // {runId, ended} of the run of now, as it was followed last; null: none was yet
  #logOf = null; // {runId}: one object for each following of a log; another ends it
  #programOf = null; // id of the run whose program is on the page
  #trace = NO_TRACE; // of the run that it was asked for last; its text is null until it is there, and where there is none

  #table;
  #times;
  #history;
  #log;
  #program;
  #pastView;
  #compareView;
  #compared = null; // {one, other}: ids of the runs that are compared
  #drawers;

  /**
   * `onOpening()`: a drawer is about to open; `onDrawer(name | null)`: it is open; `onPast(isPast)`: a past run is looked at, or not any more; `onPlace()`: what is looked at of it;
   * `restore(record, {runs: whether to run it})`: a person wants its version.
   */
  constructor({ api, page, onOpening, onDrawer, onPast, onPlace, restore }) {
    this.#api = api;
    this.#page = page;
    this.#tells = { onOpening, onDrawer, onPast, onPlace, restore };
    this.#table = new TableView({ onSelect: (id) => page.select(id) });
    this.#times = new TimesView({ onSelect: (id) => page.select(id) });
    this.#history = new HistoryView({ onShow: (runId) => this.#go({ run: runId }), onMore: oneAtATime(() => this.#loadMore()) });
    this.#log = new LogView({ onDownload: () => this.#downloadLog() });
    this.#program = new ProgramView({
      onDownload: (text) => saveAs(new Blob([text], { type: 'text/x-python' }), 'program.py'),
      say: (text) => page.announce(text),
    });
    this.#pastView = new PastView({ onTime: (ts) => this.#goTo(ts), onClose: () => this.#go(), actions: () => this.#pastActions() });
    this.#compareView = new CompareView({ onChoose: (one, other) => this.#go({ run: one, with: other }), onClose: () => this.#onCompareClosed() });
    this.#drawers = new DrawersView({ onOpen: (name) => this.#onOpened(name) });
  }

  get #runs() {
    return this.#list.entries; // newest first
  }

  get #ended() {
    return this.#runs.filter(({ endedAt }) => endedAt !== null);
  }

  /** Another job is at hand; null when it is none of ours, and has no runs. */
  open(jobId) {
    this.#jobId = jobId;
    this.#list = NOT_READ;
    this.#expected = { runId: null, rows: new Map() };
    this.#shownId = this.#live = null;
    this.leavePast();
    this.#drawRuns();
    if (jobId !== null) this.refreshRuns();
  }

  /** {record, state, graph, ts} of the past run that is looked at, or null: then it is now. */
  get past() {
    if (this.#past === null) return null;
    const { record, replay, ts } = this.#past;
    return { record, graph: replay.graph, state: replay.at(ts), ts };
  }

  /** [{ts, rows}] that a node told by the moment of the past run that is looked at. */
  samplesOf(nodeId) {
    const { replay, ts } = this.#past;
    return replay.samplesOf(nodeId).filter((sample) => sample.ts <= ts);
  }

  /** Map node id → rows that the last completed run had. */
  get expected() {
    return this.#expected.rows;
  }

  /** A run began or ended: the list is not what it was. */
  refreshRuns() {
    if (this.#jobId === null) return;
    const asked = this.#readRuns(this.#jobId).catch((problem) => askAgainAfter(problem, () => asked === this.#refreshing && this.refreshRuns()));
    this.#refreshing = asked;
  }

  async #readRuns(jobId) {
    const isNewest = this.#looks.ask();
    const { runs, next } = await this.#api.runs(jobId, { limit: RUNS });
    if (jobId !== this.#jobId || !isNewest()) return;
    this.#list = withFirstPage(this.#list, { entries: runs, next }, RUNS_ANEW);
    this.#drawRuns();
    await this.#fetchExpected(jobId);
  }

  /**
   * What is drawn of the graph is drawn here too: `nodes` are the nodes' views, `run` the run shown, `ofRun` and `runNodes`
   * its graph and the views of that graph's nodes, `record` what the server has of it, or null; `liveRun`: of now.
   */
  draw({ graph, nodes, ofRun, runNodes, run, record, now, isOffline, liveRun }) {
    if (this.#drawers.shown === 'runs') this.#history.draw(this.#whyEmpty(isOffline));
    if (this.#drawers.shown === 'runs' && this.#isNews(liveRun)) this.#drawLive(liveRun, { ofRun, runNodes, now });
    if (this.#drawers.shown === 'table') this.#table.draw(graph, nodes, now);
    if (this.#drawers.shown === 'times') {
      this.#times.draw({ graph: ofRun, views: runNodes, run, record, now, end: this.#past?.replay.to ?? null, whyNone: this.#whyNoTimes(run, isOffline) });
    }
    if (this.#past !== null) this.#pastView.draw(this.#past.ts);
  }

  /** The traceback of a run that failed, from its log; null until it was asked for, or where there is none. */
  traceOf(run) {
    return run !== null && run.runId === this.#trace.runId ? this.#trace.text : null;
  }

  /** Ask for the traceback of a run that failed, once. */
  async askForTrace(run) {
    if (run === null || run.runId === null || !run.ended || this.#jobId === null || this.#trace.runId === run.runId) return;
    const trace = { runId: run.runId, text: null };
    this.#trace = trace;
    try {
      const { text } = await this.#api.log(run.runId, -FIRST_BYTES);
      trace.text = tracebackIn(text);
      this.#page.redraw();
    } catch (problem) {
      askAgainAfter(problem, () => (trace.runId = null));
    }
  }

  /** Whether the graph is told as a table, or its nodes' times are. */
  get showsTable() {
    return ['table', 'times'].includes(this.#drawers.shown);
  }

  /** The name of the drawer that is open, or null. */
  get drawer() {
    return this.#drawers.shown;
  }

  openDrawer(name) {
    this.#drawers.open(name);
  }

  #go(place = {}) {
    return this.#page.go(jobPlace(this.#jobId, place));
  }

  // ---- past runs

  /** What of the run shown belongs into the address: {run, t}; null of what is true now, and of a run's end. */
  get place() {
    if (this.#past === null) return { run: null, with: null, t: null };
    const { record, replay, ts } = this.#past;
    return { run: record.runId, with: this.#compared?.other ?? null, t: ts >= replay.to ? null : momentIn(replay, ts) };
  }

  /** Show the run that an address names, at its moment. One that is under way is what is shown now. */
  async showLinked(place) {
    const { run, t, with: other } = place;
    this.#wanted = place;
    if (this.#past?.record.runId !== run) await this.#showPast(place);
    if (this.#wanted !== place) return;
    if (this.#past?.record.runId !== run) return this.#leaveShown(); // it is under way, or could not be had
    if (t !== null) this.#setTime(Math.min(this.#past.replay.from + t, this.#past.replay.to));
    if (other === null) this.#leaveComparison();
    else await this.#compareWith(place);
  }

  #pastActions() {
    const { record, replay, ts } = this.#past;
    const t = ts >= replay.to ? null : momentIn(replay, ts);
    const before = comparedWith(this.#runs, record.runId);
    const actions = [{ key: 'link', label: 'Copy a link to it', icon: 'link', run: () => this.#copyLink(jobPlace(this.#jobId, { run: record.runId, t })) }];
    if (before !== undefined) {
      actions.push({
        key: 'compare',
        label: 'Compare with another run',
        icon: 'compare',
        run: () => this.#go({ run: record.runId, with: before.runId }),
      });
    }
    if (!currentRights().canWrite) return actions;
    actions.push({ key: 'restore', label: 'Restore this version', icon: 'undo', run: () => this.#tells.restore(record, { runs: false }) });
    actions.push({ key: 'run', label: 'Run this version', icon: 'play', run: () => this.#tells.restore(record, { runs: true }) });
    return actions;
  }

  async #copyLink(place) {
    const link = linkTo(place);
    this.#page.say((await copy(link)) ? 'The link is copied. Whoever opens it needs a token.' : link);
  }

  // The one that was made earlier is the first, whichever of the two is shown.
  async #compareWith(place) {
    const [one, otherId, before] = [this.#past, place.with, this.#compared];
    await this.#page.attempt(async () => {
      const [record, history] = await Promise.all([this.#api.run(otherId), this.#api.history(otherId)]);
      if (this.#wanted !== place) return;
      if (record.jobId !== this.#jobId) return this.#page.say(`The run ${otherId} is one of another job.`, 'error');
      this.#compared = { one: one.record.runId, other: otherId };
      const [first, second] = [one, { record, replay: new Replay(record, history) }].sort((a, b) => a.record.createdAt - b.record.createdAt);
      const atEnd = ({ record: { parameters }, replay }) => ({ graph: replay.graph, state: replay.at(replay.to), values: parameters });
      this.#compareView.open({
        runs: this.#ended,
        one: first.record,
        other: second.record,
        difference: compared(atEnd(first), atEnd(second)),
      });
      this.#page.redraw();
      return undefined;
    });
    if (this.#wanted === place && before !== null && this.#compared === before) this.#leaveOldComparison();
  }

  // Its figures stood below the names of the runs that were chosen and could not be had, or stayed pale.
  #leaveOldComparison() {
    this.#leaveComparison();
    this.#tells.onPlace();
  }

  #leaveComparison() {
    this.#compared = null;
    this.#compareView.close();
  }

  // By the person, who then waits for no other comparison either.
  #onCompareClosed() {
    if (this.#compared === null) return;
    this.#compared = this.#wanted = null;
    this.#tells.onPlace();
  }

  async #showPast(place) {
    const { run: runId } = place;
    if (this.#jobId === null) return; // the server has not told it, and why was said
    await this.#page.attempt(async () => {
      const [record, history] = await Promise.all([this.#api.run(runId), this.#api.history(runId)]);
      if (this.#wanted !== place) return;
      if (record.jobId !== this.#jobId) return this.#page.say(`The run ${runId} is one of another job.`, 'error');
      if (record.endedAt === null) return undefined;
      const replay = new Replay(record, history);
      this.#past = { record, replay, ts: replay.to };
      this.#pastView.show(record, replay);
      this.#history.markShown(runId);
      if (room().width < NARROW) this.#drawers.open(null); // there is room for one of the two
      this.#tells.onPast(true);
      this.#page.redraw();
      return undefined;
    });
  }

  /** What is true now is shown, also instead of a past run that is on its way. */
  leavePast() {
    this.#wanted = null;
    this.#leaveShown();
  }

  /** The same, by a person who goes on from here: the address follows. */
  goOnNow() {
    this.leavePast();
    this.#tells.onPlace();
  }

  #leaveShown() {
    if (this.#past === null) return;
    this.#past = null;
    this.#leaveComparison();
    this.#pastView.show(null, null);
    this.#history.markShown(null);
    this.#tells.onPast(false);
    this.#page.redraw();
  }

  #goTo(ts) {
    if (this.#past === null) return;
    this.#setTime(ts);
    this.#tells.onPlace();
  }

  #setTime(ts) {
    this.#past.ts = ts;
    this.#page.redraw();
  }

  // ---- the list of runs

  #whyEmpty(isOffline) {
    if (this.#list.pages > 0) return 'This job has not run yet.';
    if (isOffline) return 'Its runs are not known while offline.';
    return this.#jobId === null ? 'Runs are listed of jobs that are stored here.' : 'Loading…';
  }

  #whyNoTimes(run, isOffline) {
    if (run !== null) return run.ended ? 'When this run began is not known.' : 'The run has not begun.';
    return isOffline ? 'Its runs are not known while offline.' : this.#whyEmpty(false);
  }

  // Whether the run is further than the list has it.
  #isNews(run) {
    const listed = run === null ? undefined : this.#runs.find(({ runId }) => runId === run.runId);
    return listed !== undefined && listed.endedAt === null;
  }

  // Beside a past run, of which the nodes and the time are, it is told how the run of now is, and not how far.
  #drawLive(run, { ofRun, runNodes, now }) {
    if (this.#past === null) this.#history.drawLive(run, rowsOf(ofRun, runNodes), now);
    else this.#history.drawLive(run, null, null);
  }

  #drawRuns() {
    this.#history.show(this.#runs, this.#list.next !== null, this.#whyEmpty(false));
    this.#history.markShown(this.#past?.record.runId ?? null);
    this.#compareView.offer(this.#ended);
  }

  async #loadMore() {
    const before = this.#list.next; // no two jobs have one
    await this.#page.attempt(async () => {
      const { runs, next } = await this.#api.runs(this.#jobId, { limit: RUNS, before });
      if (before !== this.#list.next) return; // the list is another meanwhile
      this.#list = withNextPage(this.#list, { entries: runs, next });
      this.#drawRuns();
    });
  }

  async #fetchExpected(jobId) {
    const last = this.#runs.find(({ status }) => status === 'completed');
    if (last === undefined || last.runId === this.#expected.runId) return;
    const list = this.#refreshing; // a newer one asks for itself
    try {
      const { nodes } = await this.#api.run(last.runId);
      if (jobId === this.#jobId) this.#expected = { runId: last.runId, rows: new Map(nodes.map((node) => [node.nodeId, node.rowCount])) };
    } catch (problem) {
      askAgainAfter(problem, () => list === this.#refreshing && this.#fetchExpected(jobId));
    }
  }

  // ---- the run shown

  /** `live` is the run of now, or null: the list follows where one begins or ends, also beside a past run; what is open of the run shown follows that. */
  follow(live) {
    const before = this.#live;
    const runId = this.#past?.record.runId ?? live?.runId ?? null;
    const isOther = before === null || this.#shownId !== runId;
    this.#live = { runId: live?.runId ?? null, ended: live?.ended ?? true };
    this.#shownId = runId;
    if (before !== null && (before.runId !== this.#live.runId || before.ended !== this.#live.ended)) this.#refreshUnlessListed(this.#live);
    if (isOther) this.#onDrawer(this.#drawers.shown);
  }

  // A list that is on its way may have it.
  async #refreshUnlessListed({ runId, ended }) {
    await this.#refreshing;
    const listed = this.#runs.find((run) => run.runId === runId);
    if (listed === undefined || ended !== (listed.endedAt !== null)) this.refreshRuns();
  }

  #onOpened(name) {
    if (name !== null) this.#tells.onOpening();
    this.#onDrawer(name);
  }

  #onDrawer(name) {
    this.#tells.onDrawer(name);
    const runId = this.#shownId;
    if (name === 'runs') this.refreshRuns();
    if (name === 'program') this.#showProgram(runId);
    if (name === 'log') this.#followLog(runId);
    else this.#logOf = null;
    this.#page.redraw();
  }

  async #showProgram(runId) {
    if (runId === null || this.#jobId === null) {
      this.#programOf = null;
      const why = this.#jobId === null
        ? 'This job is not stored here, and has no program here.'
        : 'No run is shown. Execute the job to see the program that is made from its graph.';
      return this.#program.show(null, why);
    }
    if (this.#programOf !== runId) {
      this.#programOf = runId;
      this.#program.show(null, 'Loading…');
      const went = await this.#page.attempt(async () => {
        const program = await this.#api.program(runId);
        if (this.#programOf === runId) this.#program.show(program);
      });
      if (!went && this.#programOf === runId) {
        this.#programOf = null;
        this.#program.show(null, 'The program could not be had. Open this again to ask for it once more.');
      }
    }
    const selected = this.#page.selected();
    if (selected !== null) this.#program.reveal(selected);
    return undefined;
  }

  async #followLog(runId) {
    if (runId === null || this.#jobId === null) {
      this.#logOf = null; // it is followed once the job is there
      return this.#log.clear('No run is shown.');
    }
    if (this.#logOf?.runId === runId) return undefined;
    const following = { runId };
    this.#logOf = following;
    this.#log.clear('Loading…');
    let from = -FIRST_BYTES;
    while (this.#logOf === following) {
      const wait = await this.#readLog(following, from).then(
        (piece) => {
          if (piece === null) return null;
          from = piece.next;
          if (piece.next < piece.size) return 0;
          return piece.ended ? null : LOG_PERIOD;
        },
        (problem) => {
          if (this.#logOf === following) this.#log.note(`${problem.message} The log is asked for again.`);
          return LOG_RETRY;
        },
      );
      if (wait === null) return undefined;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
    return undefined;
  }

  async #readLog(following, from) {
    const piece = await this.#api.log(following.runId, from);
    if (this.#logOf !== following) return null;
    this.#log.add(piece, { isFirst: from < 0, isLast: piece.ended && piece.next >= piece.size });
    const nothing = piece.ended ? 'The program wrote nothing.' : 'Nothing yet.';
    this.#log.note(this.#log.isEmpty ? nothing : '');
    return piece;
  }

  async #downloadLog() {
    const runId = this.#shownId;
    if (runId === null) return;
    await this.#page.attempt(async () => saveAs(await this.#api.logFile(runId), `run-${runId}.log`));
  }
}

// Seconds from the first word, to the millisecond.
function momentIn({ from }, ts) {
  return Math.round((ts - from) * 1_000) / 1_000;
}

// Rows that a graph has read, and written: those of its first nodes, and of its last, as the server counts them.
function rowsOf(graph, nodes) {
  const { edges } = graph;
  const sum = (isMeant) => nodes.filter(({ nodeId }) => isMeant(nodeId)).reduce((rows, { rowCount }) => rows + rowCount, 0);
  return { in: sum((id) => edges.every(({ to }) => to !== id)), out: sum((id) => edges.every((edge) => edge.from !== id || isReject(graph, edge))) };
}
