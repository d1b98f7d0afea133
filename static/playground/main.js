/**
 * The Playground: introduces the parts to each other. It shows home, the runs of all jobs, or one job, whose state is in `shown`.
 *
 * What is live comes through the JobRealtimeService alone. The HTTP API is for what a person asks for, and
 * for the record of a run whose messages are older than this page.
 */

import { isExpired, JobRealtimeService } from '../realtime/job-realtime-service.js';
import { AccountView } from './account-view.js';
import { RUN_ENDS } from '../realtime/messages.js';
import { JobState } from '../realtime/run-state.js';
import { jobPlace, placeIn, putInAddress } from './address.js';
import { Api, newIdempotencyKey } from './api.js';
import { ConnectionView } from './connection-view.js';
import { DetailsView } from './details-view.js';
import { Kept } from './kept/kept.js';
import { byId, keepIcons, setAttribute, setHidden, setText } from './dom.js';
import { confirmed } from './edit/confirm.js';
import { Editor } from './edit/editor.js';
import { IS_MAC } from './edit/help.js';
import { keyOf } from './edit/keys.js';
import { MenuHere } from './edit/menu.js';
import { parametersOf } from './edit/parameters-form.js';
import { saveOver } from './edit/saving.js';
import { nodeShare, runShare } from '../realtime/estimate.js';
import { ExecuteForm } from './execute-form.js';
import { showInTab } from './favicon.js';
import { Files } from './files/files.js';
import { oncePerFrame } from './frames.js';
import { Gallery } from './gallery.js';
import { TokenView } from './token-view.js';
import { GraphView, iconOf } from './graph-view.js';
import { Home } from './home.js';
import { JobsView } from './jobs-view.js';
import { JsonView } from './json-view.js';
import { NoticeView } from './notice-view.js';
import { Notifier } from './notifier.js';
import { Overview } from './overview.js';
import { PagesView } from './pages-view.js';
import { commandsNow } from './room/commands.js';
import { FindView } from './room/find-view.js';
import { Greeting } from './room/greeting.js';
import { GuideView } from './room/guide-view.js';
import { holding, holdsText } from './room/holding.js';
import { MinimapView } from './room/minimap-view.js';
import { ratesOf, Throughput } from './room/throughput.js';
import { Tour } from './room/tour.js';
import { RunView } from './run-view.js';
import { Runs } from './runs.js';
import {
  currentCredential,
  currentToken,
  currentUser,
  isByProxy,
  keepToken,
  knownCredential,
  loseSession,
  openSession,
  signOut,
  takeTokenFromAddress,
} from './session.js';
import { asSentence, formatDuration, formatMoment, NODE_WORDS, RUN_WORDS } from './text.js';

const NO_GRAPH = { nodes: [], edges: [] };

/** Milliseconds between two looks at the clock while something on the page counts time. */
const TICK = 1_000;

/** Milliseconds that the first connection may take until what is shown counts as old. */
const FIRST_PATIENCE = 3_000;

/** Milliseconds between two questions where a run stands in the queue. */
const PLACE_PERIOD = 2_000;

/** Milliseconds between two looks whether somebody made, renamed or deleted a job; none while the page is hidden. */
const JOBS_PERIOD = 10_000;

/** From so many jobs on it is looked less often: each look takes several pages of the list. */
const MANY_JOBS = 500;
const MANY_JOBS_PERIOD = 60_000;

/** Milliseconds until the address takes what was chosen: browsers allow few changes of it in a row. */
const ADDRESS_WAIT = 300;

/** Jobs whose last known state is kept for a person who goes from one to another while the server is away. */
const MOST_KEPT = 30;

class Playground {
  #shown = nothingShown(); // the job at hand
  #jobs = [];
  #listedAt = 0; // Date.now() of the last look at them
  #isLooking = false; // at the list of jobs
  #isArriving = null; // {place, isChosen}: what the address names, until it is shown, and whether a person chose a node meanwhile
  #addressTimer = null;
  #kept = new Map(); // job id → what was shown of it last, the latest last; MOST_KEPT at most, then the oldest goes
  #announced = { run: null, nodes: '', connection: null }; // what was last read out
  #executeKey = null; // of a press of Execute that was not answered yet
  #executeValues = null; // the values that it was pressed with, as JSON
  #lost = null; // {at: Date, now: epoch seconds by the server's clock}: since when nothing is heard; null while live
  #hasLeft = false; // somebody signed out, here or in another tab
  #wasLive = false;

  #overview = new Overview();
  #api = new Api(currentToken);
  #service = new JobRealtimeService({ url: socketAddress(), token: currentCredential });
  #askForDrawing = oncePerFrame(() => this.#draw());
  #page = this.#pageOfParts();

  #connection = new ConnectionView({ onRetry: () => this.#service.reconnect(), onRenew: () => this.#renewToken() });
  #jobsView = new JobsView({ onOpen: (jobId) => this.#go(jobPlace(jobId)) });
  #pages = new PagesView({ onGo: (place) => this.#go(place) });
  #graph = new GraphView({ onSelect: (nodeId) => this.#select(nodeId) });
  #minimap = new MinimapView(this.#graph);
  #runView = new RunView({ onExecute: () => this.#execute(), onCancel: () => this.#cancel(), onShowNode: (id) => this.#showNode(id) });
  #keptOutputs = new Kept({
    api: this.#api,
    host: {
      begin: (runId, nodeId) => this.#execute({ fromRun: runId, fromNode: nodeId }),
      goToRun: (runId) => this.#go(jobPlace(this.#shown.jobId, { run: runId })),
      redraw: () => this.#askForDrawing(),
      announce: (text) => this.#speak(text),
    },
  });
  #details = new DetailsView({
    onClose: () => this.#closeDetails(),
    onShowLog: () => this.#runs.openDrawer('log'),
    onShowWritten: (written) => this.#files.show(written),
    more: this.#keptOutputs.element,
  });
  #notice = new NoticeView({ announce: (text) => this.#speak(text) });
  #menu = new MenuHere();
  #find = new FindView({ items: () => this.#findable(), announce: (text) => this.#speak(text) });
  #notifier = new Notifier({ onOpen: (jobId, runId) => this.#go(jobPlace(jobId, { run: runId })) });
  #account = new AccountView({ onSignOut: () => this.#signOut(), onOtherTab: (what) => this.#onOtherTab(what) });
  #tokenView = new TokenView({ onToken: (token) => this.#useToken(token) });
  #jsonView = new JsonView({
    check: (document) => this.#api.validate(document),
    save: (job, document) => this.#save(job, document),
    announce: (text) => this.#speak(text),
  });
  #executeForm = new ExecuteForm();
  #editor = new Editor({
    api: this.#api,
    graph: this.#graph,
    page: this.#page,
    onDraft: (graph) => this.#showDraft(graph),
    onChosen: (nodeId) => this.#showDetails(nodeId),
    onSaved: (job) => this.#onSaved(job),
    onGone: (jobId) => this.#onGone(jobId),
    onUnsaved: (jobIds) => this.#jobsView.markUnsaved(jobIds),
    takenIds: () => this.#shown.state.nodeIds(),
  });
  #files = new Files({ api: this.#api, host: this.#filesHost() });
  #runs = new Runs({ api: this.#api, host: this.#runsHost() });
  #home = new Home({ api: this.#api, host: this.#homeHost(), overview: this.#overview });

  #gallery = new Gallery({
    api: this.#api,
    host: { attempt: (work) => this.#attempt(work), make: (document) => this.#editor.makeJob(document), offer: (jobs) => this.#greeting.offer(jobs) },
  });
  #greeting = new Greeting({ start: (job) => this.#gallery.start(job), tour: () => this.#tour.start() });
  #tour = new Tour({ showJob: () => this.#showAnyJob(), newJob: () => this.#editor.newJob(), onEnd: () => this.#greeting.close() });

  start() {
    new GuideView({ functions: () => this.#api.functions(), jobs: () => this.#jobs, tour: () => this.#tour.start(), say: (text) => this.#speak(text) });
    this.#noteLoss();
    this.#service.onState((state) => this.#onConnection(state));
    this.#service.onServer((state) => this.#onServer(state));
    this.#service.onSeen((event) => this.#onEvent(event, 'seen'));
    this.#service.onProgress((event) => this.#onEvent(event, 'progress'));
    this.#service.onStatus((event) => this.#onEvent(event, 'status'));
    this.#service.onBrief((brief) => this.#onBrief(brief));
    this.#service.onError((error) => this.#onServiceError(error));
    this.#graph.onMenu((what, at) => this.#openMenu(what, at));
    byId('job-notify').addEventListener('click', () => this.#toggleNotified());
    byId('job-edit').addEventListener('click', () => this.#jsonView.open(this.#editor.document));
    setInterval(() => this.#askForDrawing(), TICK);
    setInterval(() => this.#lookForJobs(), JOBS_PERIOD);
    document.addEventListener('visibilitychange', () => this.#lookForJobs());
    addEventListener('popstate', () => this.#arrive(placeIn(location.href)));
    this.#askForDrawing();
    keepIcons().catch(() => undefined); // they are then fetched one by one
    this.#load();
  }

  // ---- jobs ----------------------------------------------------------------------------------------

  async #load() {
    this.#hasLeft = false;
    if (!(await this.#signIn())) {
      this.#tokenView.open('A token is needed', 'This page has no token to show that you may use this server.');
      return;
    }
    this.#attempt(() => this.#loadTypes());
    this.#service.subscribeToAllJobs().catch(() => undefined); // errors show in the connection's own place
    this.#arrive(placeIn(location.href), { isAnew: true });
    await this.#attempt(() => this.#refreshJobs());
    this.#askForDrawing();
  }

  async #loadTypes() {
    await this.#editor.loadTypes();
    await this.#gallery.load(this.#editor.types);
  }

  // ---- places: what the address says is shown, and what is shown the address says

  #go(place, { isAnew = false, ...options } = {}) {
    putInAddress(place, options);
    return this.#arrive(place, { isAnew });
  }

  async #arrive(place, { isAnew = false } = {}) {
    clearTimeout(this.#addressTimer);
    this.#pages.show(place);
    if (place.page === 'job') {
      this.#home.show(null);
      await this.#arriveAtJob(place, isAnew);
    } else {
      this.#leaveJob();
      this.#home.show(place);
    }
    this.#askForDrawing();
  }

  async #arriveAtJob(place, isAnew) {
    const arriving = { place, isChosen: false };
    this.#isArriving = arriving;
    if (isAnew || place.job !== this.#shown.jobId) await this.#open(place.job);
    if (this.#isArriving !== arriving) return; // the person has gone on
    if (place.run === null) this.#runs.leavePast();
    else await this.#runs.showLinked(place);
    if (this.#isArriving !== arriving) return;
    if (!arriving.isChosen && place.node !== null && this.#shown.selected !== place.node && this.#view().graph.nodes.some(({ id }) => id === place.node)) {
      this.#showNode(place.node);
    }
    this.#isArriving = null;
    if (arriving.isChosen) this.#noteAddress();
  }

  #leaveJob() {
    this.#isArriving = null;
    if (this.#shown.jobId === null) return;
    this.#editor.close();
    this.#service.unsubscribeFromJob(this.#shown.jobId);
    this.#keep(this.#shown);
    this.#shown = nothingShown();
    this.#notice.clear();
    this.#runs.open(null);
    this.#details.show(null);
    this.#jobsView.markShown(null);
    setText(byId('job-name'), '');
    this.#showGraph(NO_GRAPH, '');
  }

  // What is chosen on the page of a job, once it rests.
  #noteAddress() {
    clearTimeout(this.#addressTimer);
    if (this.#isArriving !== null || this.#shown.jobId === null) return;
    this.#addressTimer = setTimeout(() => putInAddress(this.#placeOfJob(), { replace: true }), ADDRESS_WAIT);
  }

  #placeOfJob() {
    return jobPlace(this.#shown.jobId, { ...this.#runs.place, node: this.#shown.selected });
  }

  #lookForJobs() {
    const isDue = this.#jobs.length < MANY_JOBS || Date.now() - this.#listedAt >= MANY_JOBS_PERIOD;
    if (isDue && document.visibilityState === 'visible' && this.#isLive) this.#attempt(() => this.#refreshJobs(), { quiet: true });
  }

  async #refreshJobs() {
    this.#listedAt = Date.now();
    this.#jobs = await this.#api.jobs();
    this.#overview.takeJobs(this.#jobs);
    this.#home.askForStrangers();
    this.#jobsView.show(this.#jobs);
    this.#jobsView.markShown(this.#shown.jobId);
    this.#jobsView.markUnsaved(this.#editor.unsavedIds);
    this.#askForDrawing();
  }

  // Somebody made a job that is not in the list yet: many messages of it are one reason to look.
  #refreshJobsSoon() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#attempt(() => this.#refreshJobs(), { quiet: true }).then(() => {
      this.#isLooking = false;
      this.#askForDrawing();
    });
  }

  async #open(jobId) {
    this.#editor.close();
    if (this.#shown.jobId !== null) this.#service.unsubscribeFromJob(this.#shown.jobId);
    this.#keep(this.#shown);
    const shown = this.#lost === null ? { ...nothingShown(), jobId } : this.#lastKnown(jobId);
    this.#shown = shown;
    this.#executeKey = null;
    this.#notice.clear();
    this.#runs.open(null);
    this.#details.show(null);
    this.#jobsView.markShown(jobId);
    this.#showGraph(shown.graph, '');
    this.#watch(jobId);
    await this.#attempt(() => this.#fetchJob(shown));
    await this.#attempt(() => this.#fetchLatestRun(shown), { quiet: true });
  }

  #keep(shown) {
    if (shown.jobId === null) return;
    this.#kept.delete(shown.jobId);
    this.#kept.set(shown.jobId, shown);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value);
  }

  // While the server is away: what was shown of the job before, to be asked for again when it is back.
  #lastKnown(jobId) {
    const kept = this.#kept.get(jobId) ?? nothingShown();
    return { ...kept, jobId, editable: false, selected: null, pending: null };
  }

  // The socket is opened at once, beside the first calls; errors show in the connection's own place.
  #watch(jobId) {
    this.#service.subscribeToJob(jobId).catch(() => undefined);
  }

  async #fetchJob(shown) {
    const job = await this.#api.job(shown.jobId).catch((problem) => {
      if (problem.status === 404) return null;
      shown.isMissed = true;
      throw problem;
    });
    if (shown !== this.#shown) return;
    shown.isMissed = false;
    shown.asked = true;
    shown.job = job;
    shown.state.expectNodes((job?.graph.nodes ?? []).map((node) => node.id));
    if (job === null) this.#showGraph(NO_GRAPH, 'This job is not stored here. Its nodes appear as soon as they report.');
    else {
      this.#runs.open(job.id);
      this.#editor.open(job);
      if (job.odd.length > 0) this.#tellOdd(job);
    }
  }

  #tellOdd({ odd }) {
    const text = `This job was stored with errors that cannot be shown: ${odd.join('; ')}. Saving a change leaves them out.`;
    this.#notice.say(text, 'error', { label: 'Edit as JSON', run: () => this.#jsonView.open(this.#editor.document) });
  }

  // For a run that ended before this page, or whose messages the hub does not have any more.
  async #fetchLatestRun(shown) {
    if (shown.job === null) return;
    const runId = await this.#api.latestRunId(shown.jobId);
    if (runId !== null) await this.#fetchRun(shown, runId);
    shown.askedForRuns = true;
    this.#askForDrawing();
  }

  async #fetchRun(shown, runId) {
    shown.fetchedRuns.add(runId);
    const before = shown.state.run()?.runId;
    const record = await this.#api.run(runId);
    shown.runGraph = { runId, graph: record.graph, record };
    const now = shown.state.run()?.runId;
    if (shown !== this.#shown || (now !== before && now !== runId)) return; // a newer run began meanwhile
    if (shown.state.record(record, this.#api.now())) this.#askForDrawing();
  }

  async #save(job, document) {
    const saved = job === null ? await this.#api.saveJob(null, document) : await saveOver(this.#api, job, document);
    if (saved === null) return false;
    this.#editor.forget(saved.id);
    await this.#refreshJobs();
    putInAddress(jobPlace(saved.id));
    this.#open(saved.id);
    return true;
  }

  // ---- live ----------------------------------------------------------------------------------------

  #onEvent(event, kind) {
    const shown = this.#shown;
    if (event.jobId !== shown.jobId) return this.#home.hear(event, kind);
    if (!shown.state[kind](event, this.#api.now())) return undefined;
    if (kind === 'progress') shown.throughput.hear(event, this.#api.now());
    this.#askForDrawing();
    return undefined;
  }

  #onBrief(brief) {
    const run = this.#home.hearBrief(brief, Date.now() / 1_000);
    if (run !== null && RUN_ENDS.has(run.status)) this.#notifyOf(run);
    this.#askForDrawing();
  }

  #notifyOf({ runId, jobId, status, reason }) {
    const name = this.#overview.nameOf(jobId) ?? `Job ${jobId}`;
    this.#notifier.ended({ runId, jobId }, `${name}: ${RUN_WORDS[status].toLowerCase()}`, status === 'completed' ? '' : asSentence(reason ?? ''));
  }

  async #toggleNotified() {
    const why = await this.#notifier.toggle(this.#shown.jobId);
    if (why !== null) this.#notice.say(why, 'error');
    this.#askForDrawing();
  }

  #onConnection(state) {
    if (state === 'connected') {
      this.#home.expectSnapshot();
      this.#shown.state.expectSnapshot();
      this.#tokenView.close();
    }
    this.#noteLiveness();
  }

  // Of the time while the server heard nothing, nobody's silence counts.
  #onServer({ nats }) {
    if (nats === 'ok') this.#shown.state.listenAgain(this.#api.now());
    this.#noteLiveness();
  }

  // Connected to a server that hears of news itself.
  get #isLive() {
    return this.#service.state === 'connected' && this.#service.serverState.nats === 'ok';
  }

  #noteLiveness() {
    if (!this.#isLive) this.#noteLoss();
    else if (this.#lost !== null) {
      this.#lost = null;
      if (this.#wasLive) this.#listedAt = 0; // jobs may have come and gone meanwhile
      this.#wasLive = true;
      this.#notice.clearCausedBy('connection');
      this.#attempt(() => this.#catchUp(this.#shown), { quiet: true });
      this.#home.catchUp();
      this.#lookForJobs();
    }
    this.#askForDrawing();
  }

  // The job itself, too, where it could not be had before the connection was lost.
  async #catchUp(shown) {
    if (shown.isMissed) await this.#fetchJob(shown);
    await this.#fetchLatestRun(shown);
  }

  #noteLoss() {
    this.#lost ??= { at: new Date(), now: this.#api.now() };
  }

  // Since when what is shown may not be true any more; null while it is.
  get #stale() {
    if (this.#lost === null || this.#runs.past !== null) return null;
    return this.#wasLive || Date.now() - this.#lost.at > FIRST_PATIENCE ? this.#lost : null;
  }

  // Why it is stale: the server is away, or it hears of nothing itself.
  get #staleWord() {
    return this.#service.state === 'connected' ? 'No news' : 'Offline';
  }

  #onServiceError({ code, message, final }) {
    if (['no_token', 'token_expired', 'token_refused'].includes(code)) this.#refuseToken(asSentence(message));
    else if (!final) this.#notice.say(asSentence(message), 'error');
  }

  // Answers that were on their way when somebody signed out are no news.
  #refuseToken(message) {
    if (this.#hasLeft && currentToken() === '') return;
    const hasEnded = currentToken() === '' || isExpired(currentToken());
    const how = isByProxy() && currentToken() === '' ? 'Load this page again to sign in.' : message;
    this.#tokenView.open(hasEnded ? 'Your session has ended' : 'This token is not valid', how);
  }

  // A newer token for a connection that is there goes over it; else everything begins with the new one.
  async #useToken(token) {
    keepToken(token);
    this.#tokenView.close();
    if (this.#service.state === 'connected') {
      await this.#signIn();
      this.#service.renewToken();
      this.#attempt(() => this.#refreshJobs());
      return;
    }
    this.#service.disconnect();
    this.#load();
  }

  // Other tabs that ask for a token need none any more.
  async #signIn() {
    const isOpen = await openSession();
    this.#account.draw(currentUser());
    if (isOpen && currentToken() === '') this.#account.tellOtherTabs('in');
    return isOpen;
  }

  async #signOut() {
    let isOfAll;
    try {
      isOfAll = await signOut();
    } catch {
      this.#notice.say('You are still signed in: the server cannot be reached.', 'error', null, 'connection');
      return;
    }
    if (isOfAll) this.#account.tellOtherTabs('out');
    this.#leave('You have signed out');
  }

  #leave(title) {
    this.#hasLeft = true;
    this.#service.disconnect();
    this.#account.draw(null);
    this.#tokenView.open(title, 'To go on, sign in again with a token.');
  }

  // A tab that has a token of its own goes on with it.
  #onOtherTab(what) {
    if (currentToken() !== '') return;
    if (what === 'out') {
      loseSession();
      this.#leave('You have signed out in another tab');
    } else if (what === 'in' && this.#tokenView.isOpen) {
      this.#tokenView.close();
      this.#service.disconnect();
      this.#load();
    }
  }

  #renewToken() {
    this.#tokenView.open(
      currentToken() === '' ? 'Your session ends soon' : 'The token ends soon',
      'This page goes on without a break when you give it a new one.',
      { canWait: true },
    );
  }

  // ---- what a person asks for ------------------------------------------------------------------------

  // `begin`: {fromRun, fromNode} of a run that begins at a node, with that run's values; null for a whole one.
  async #execute(begin = null) {
    const shown = this.#shown;
    this.#notice.clear();
    this.#runs.leavePast();
    if (this.#editor.isDirty) this.#executeKey = null; // another graph is another run
    if (!(await this.#editor.save())) return;
    const parameters = parametersOf(shown.graph);
    if (parameters.length === 0 || begin !== null) await this.#start(shown, null, begin);
    else await this.#askAndStart(shown, parameters);
  }

  async #askAndStart(shown, parameters) {
    const last = await this.#lastValues(shown.jobId);
    if (shown !== this.#shown) return;
    const title = `Execute ${shown.job?.name ?? ''}`;
    this.#executeForm.open({ jobId: shown.jobId, title, parameters, last, run: (values) => this.#start(shown, values) });
  }

  async #lastValues(jobId) {
    let last = {};
    await this.#attempt(async () => {
      const [run] = await this.#api.runs(jobId, { limit: 1 });
      last = run?.parameters ?? {};
    }, { quiet: true });
    return last;
  }

  // Resolves to the errors of values that the server does not take. What else goes wrong is told where it belongs.
  async #start(shown, values, begin = null) {
    const told = JSON.stringify([values, begin]);
    if (told !== this.#executeValues) this.#executeKey = null; // other values are another run
    this.#executeValues = told;
    this.#executeKey ??= newIdempotencyKey();
    let refused = [];
    await this.#pending(shown, 'execute', async () => {
      try {
        const { graph } = shown;
        const { runId, status } = await this.#executeOnce(shown.jobId, values, begin);
        shown.runGraph = { runId, graph, record: { parameters: values, attempts: 1 + (graph.retries?.count ?? 0) } };
        const now = this.#api.now();
        shown.state.status({ jobId: shown.jobId, runId, status, reason: null, ts: now }, now);
      } catch (problem) {
        refused = (problem.errors ?? []).filter(({ field }) => field?.startsWith('parameters') ?? false);
        if (values === null || refused.length === 0) throw problem;
      }
    });
    return values === null ? [] : refused;
  }

  // The key is kept until the server has decided: a press after an answer that was lost makes no second run. From 500 on,
  // the answer may be that of a proxy, and the run recorded.
  async #executeOnce(jobId, values, begin) {
    try {
      const told = await this.#api.execute(jobId, this.#executeKey, values, begin);
      this.#executeKey = null;
      return told;
    } catch (problem) {
      if (problem.status > 0 && problem.status < 500) this.#executeKey = null;
      throw problem;
    }
  }

  async #cancel() {
    const run = this.#shown.state.run();
    if (run === null || run.runId === null) return;
    const shown = this.#shown;
    await this.#pending(shown, 'cancel', async () => {
      await this.#api.cancel(run.runId);
      shown.cancelled = run.runId;
    });
  }

  // The graph that a past run had becomes the draft, as one step that undo takes back; `runs`: it is saved and executed, too.
  async #restore({ graph, startedAt, createdAt }, { runs }) {
    const shown = this.#shown;
    const when = formatMoment(startedAt ?? createdAt);
    if (
      runs &&
      !(await confirmed({
        title: 'Run this version?',
        text: `The job becomes what it was in the run of ${when}, and is saved and executed so. Undo brings back what it is now.`,
        yes: 'Run this version',
        danger: false,
      }))
    ) return;
    await this.#go(jobPlace(shown.jobId));
    if (shown !== this.#shown || !this.#editor.isOpen) return;
    const isOther = this.#editor.restoreGraph(graph, `Restore the version of ${when}`);
    this.#notice.say(
      isOther ? `This is the version of ${when} again. It is not saved yet; undo brings back what was here.` : `The job is as it was in the run of ${when}.`,
    );
    if (runs) await this.#execute();
  }

  async #pending(shown, action, work) {
    shown.pending = action;
    this.#askForDrawing();
    await this.#attempt(work);
    shown.pending = null;
    this.#askForDrawing();
  }

  // True when it went well. A problem is told where it belongs: the question for a token, the nodes, or a notice.
  async #attempt(work, { quiet = false } = {}) {
    try {
      await work();
      return true;
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (problem.status === 401) this.#refuseToken(problem.message);
      else if (problem.status === 422) this.#showErrors(problem);
      else if (problem.status === 409 && problem.runId !== null) await this.#showRunning(problem);
      else if (!quiet) this.#notice.say(problem.message, 'error', null, problem.isOfConnection ? 'connection' : null);
      return false;
    }
  }

  #showErrors(problem) {
    this.#editor.showProblems(problem.errors);
    const general = problem.errors.filter((error) => error.nodeId === null).map((error) => error.message);
    this.#notice.say([problem.message, ...general].join('\n'), 'error');
  }

  async #showRunning(problem) {
    this.#notice.say(problem.message);
    await this.#attempt(() => this.#fetchRun(this.#shown, problem.runId), { quiet: true });
  }

  #previewDock() {
    const page = this;
    return {
      show: () => page.#runs.openDrawer('preview'),
      hide: () => page.#runs.openDrawer(null),
      get isShown() {
        return page.#runs?.drawer === 'preview';
      },
    };
  }

  // The menu of a node, an edge or the ground of the graph; of what is only looked at, too.
  #openMenu(what, at) {
    const node = what.kind === 'node' ? this.#view().graph.nodes.find(({ id }) => id === what.id) : null;
    const place = this.#graph.sheetPoint(at.clientX, at.clientY);
    const items = this.#runs.past === null ? this.#editor.itemsFor(what, place) : null;
    const looked = node === null
      ? []
      : [{ key: 'open', label: 'Details', icon: 'log', run: () => this.#shown.selected !== what.id && this.#showNode(what.id) }];
    const always = what.kind === 'ground'
      ? [{ key: 'fit', label: 'Show all of it', icon: 'fit', hint: '0', run: () => this.#graph.fit() }, {
        key: 'find',
        label: 'Find…',
        icon: 'search',
        hint: keyOf('find', IS_MAC),
        run: () => this.#find.open(),
      }]
      : [];
    const again = node === null
      ? []
      : this.#keptOutputs.items(node.id, { run: this.#view().state.run(this.#view().clock), graph: this.#view().graph, canRun: this.#canRun });
    const all = [...(items ?? looked), ...again, ...always];
    const label = node?.name || (what.kind === 'edge' ? 'Connection' : 'Graph');
    if (all.length > 0) {
      this.#menu.open({ label, items: all, ...at, refocus: () => (node === null ? this.#graph.focusGround() : this.#graph.focusNode(node.id)) });
    }
  }

  // What can be gone to from here: the nodes that are shown, what can be done, and all jobs.
  #findable() {
    const { types } = this.#editor;
    const nodes = this.#view().graph.nodes.map(({ id, type, name }) => ({
      kind: 'node',
      label: name || `Node ${id}`,
      hint: types.get(type)?.label ?? type,
      icon: iconOf(type, types.get(type)),
      run: () => this.#goToNode(id),
    }));
    const commands = commandsNow().map((command) => ({ kind: 'command', ...command }));
    const jobs = this.#jobs.map(({ id, name }) => ({ kind: 'job', label: name, hint: `Job ${id}`, icon: 'log', run: () => this.#go(jobPlace(id)) }));
    return [...nodes, ...commands, ...jobs];
  }

  // For the tour: the job at hand, else the first one. False where there is none.
  async #showAnyJob() {
    if (this.#shown.jobId === null && this.#jobs.length === 0) await this.#attempt(() => this.#refreshJobs(), { quiet: true }); // they may be on their way
    const [first] = this.#jobs;
    if (this.#shown.jobId === null && first !== undefined) await this.#go(jobPlace(first.id));
    return this.#shown.jobId !== null;
  }

  #goToNode(id) {
    if (this.#shown.selected !== id) this.#showNode(id);
    this.#graph.focusNode(id);
    this.#graph.reveal(id);
  }

  // ---- details ---------------------------------------------------------------------------------------

  // A node that nobody edits was chosen; of a draft, the editor tells.
  #select(nodeId) {
    if (nodeId === this.#shown.selected) return this.#closeDetails();
    this.#graph.reveal(nodeId);
    return this.#showDetails(nodeId);
  }

  #showNode(nodeId) {
    if (this.#runs.past !== null || !this.#editor.isOpen) this.#select(nodeId);
    else if (!this.#editor.select(nodeId)) this.#showDetails(nodeId);
  }

  #showDetails(nodeId) {
    if (nodeId !== null && this.#isArriving !== null) this.#isArriving.isChosen = true;
    this.#shown.selected = nodeId;
    this.#details.show(this.#view().graph.nodes.find((node) => node.id === nodeId) ?? null);
    this.#noteAddress();
    this.#askForDrawing();
  }

  #closeDetails() {
    const { selected } = this.#shown;
    this.#editor.detailsClosed();
    this.#showDetails(null);
    this.#graph.focusNode(selected);
  }

  // ---- editing

  // What parts may ask for; see page.js.
  #pageOfParts() {
    return {
      attempt: (work, options) => this.#attempt(work, options),
      say: (text, tone, action) => this.#notice.say(text, tone, action),
      announce: (text) => this.#speak(text),
      selected: () => this.#shown.selected,
      jobs: () => this.#jobs,
      showJob: async (jobId) => {
        await this.#refreshJobs();
        await this.#go(jobPlace(jobId), { isAnew: true }); // also where it is shown: its draft was discarded
      },
      editAsJson: () => this.#jsonView.open(this.#editor.document),
      find: () => this.#find.open(),
      browse: (path, isWriting) => this.#files.choose(path, isWriting),
      dock: this.#previewDock(),
    };
  }

  async #onSaved(job) {
    if (this.#shown.jobId === job.id) this.#shown.job = job;
    await this.#refreshJobs();
    this.#askForDrawing();
  }

  async #onGone(jobId) {
    await this.#refreshJobs();
    if (this.#shown.jobId === jobId) await this.#go({ page: 'home' });
  }

  #filesHost() {
    return {
      announce: (text) => this.#speak(text),
      attempt: (work) => this.#attempt(work),
      canAdd: () => this.#editor.isOpen && this.#editor.types.size > 0,
      add: (...node) => this.#editor.dropNode(...node),
    };
  }

  #showDraft(graph) {
    this.#shown.editable = true;
    this.#shown.state.expectNodes(graph.nodes.map((node) => node.id));
    this.#showGraph(graph, 'An empty job. Drag a node here from the palette, or press A.');
  }

  // ---- runs, past and present

  #runsHost() {
    return {
      attempt: (work, options) => this.#attempt(work, options),
      redraw: () => this.#askForDrawing(),
      onDrawer: (name) => name === 'preview' && this.#editor.previewShown(),
      onPast: (isPast) => this.#onPast(isPast),
      onPlace: () => this.#noteAddress(),
      say: (text, tone) => this.#notice.say(text, tone),
      compare: (runId, other) => this.#go(jobPlace(this.#shown.jobId, { run: runId, with: other })),
      restore: (record, how) => this.#restore(record, how),
      goToRun: (runId) => this.#go(jobPlace(this.#shown.jobId, { run: runId })),
      goToNow: () => this.#go(jobPlace(this.#shown.jobId)),
      select: (nodeId) => this.#showNode(nodeId),
      selected: () => this.#shown.selected,
    };
  }

  #homeHost() {
    return {
      attempt: (work, options) => this.#attempt(work, options),
      redraw: () => this.#askForDrawing(),
      go: (place, options) => this.#go(place, options),
      newJob: () => this.#editor.newJob(),
      importJobs: () => this.#editor.importJobs(),
      refreshJobs: () => this.#refreshJobsSoon(),
      subscribe: (jobId) => this.#watch(jobId),
      unsubscribe: (jobId) => jobId !== this.#shown.jobId && this.#service.unsubscribeFromJob(jobId),
    };
  }

  // A past run is looked at, on its own graph; the draft waits, with what was changed.
  #onPast(isPast) {
    this.#showDetails(null);
    if (isPast) {
      this.#editor.close();
      this.#graph.show(this.#runs.past.graph, 'The graph of this run had no nodes.');
    } else if (this.#shown.job !== null) {
      this.#editor.open(this.#shown.job);
    }
  }

  // What is looked at: a past run at the moment of its slider, or what is true now. Offline, nobody knows what is silent,
  // and time stands still: what was known then is shown as of then.
  #view() {
    const past = this.#runs.past;
    if (past !== null) return { ...past, now: past.ts, clock: past.ts, isPast: true };
    const { state, graph } = this.#shown;
    return { state, graph, now: this.#stale?.now ?? this.#api.now(), clock: this.#clock(), isPast: false };
  }

  // Seconds by which silence is measured; null offline.
  #clock() {
    return this.#lost === null ? (this.#stale?.now ?? this.#api.now()) : null;
  }

  // ---- drawing: only here, at most once a frame --------------------------------------------------------

  #showGraph(graph, emptyText) {
    this.#shown.graph = graph;
    if (this.#runs.past === null) this.#graph.show(graph, emptyText, { editable: this.#shown.editable });
    this.#askForDrawing();
  }

  #draw() {
    if (this.#runs.past === null) this.#addStrangers();
    const { selected, job, pending, place, waitReason } = this.#shown;
    const view = this.#view();
    const { state, graph, now, isPast } = view;
    const run = state.run(view.clock);
    const expected = isPast ? new Map() : this.#runs.expected;
    const viewsOf = (drawn) => drawn.nodes.map(({ id, name }) => withShare({ ...state.node(id, view.clock), nodeName: name }, expected));
    const nodes = viewsOf(graph);
    const viewOf = new Map(nodes.map((node) => [node.nodeId, node]));
    const ofRun = this.#graphOf(run, view);
    const runNodes = ofRun === graph ? nodes : viewsOf(ofRun);
    const since = this.#stale?.at ?? null;
    setAttribute(document.documentElement, 'data-stale', String(since !== null));
    this.#graph.draw((id) => viewOf.get(id) ?? withShare(state.node(id), expected), selected, since);
    const holds = since === null ? holding(graph, (id) => viewOf.get(id) ?? state.node(id), now) : new Map();
    this.#graph.drawHolding(holds);
    this.#minimap.drawStates((id) => viewOf.get(id)?.state ?? 'idle');
    const share = isPast ? null : runShare(run, runNodes, expected, now);
    const noRun = this.#whyNoRun();
    const isCancelling = run !== null && !run.ended && run.runId !== null && this.#shown.cancelled === run.runId;
    this.#runView.draw(run, runNodes, {
      now,
      canExecute: job !== null,
      pending: isCancelling ? 'cancel' : pending,
      share,
      place,
      waitReason,
      isPast,
      since,
      staleWord: this.#staleWord,
      noRun,
      isWhole: isPast || job !== null,
      isOfOther: ofRun !== graph && differ(ofRun, graph),
      record: this.#recordOf(run),
    });
    this.#keptOutputs.drawRun(run, ofRun);
    if (viewOf.has(selected)) this.#drawDetails(viewOf.get(selected), { run, now, isPast, holds: holds.get(selected) ?? null });
    this.#runs.draw({ graph, nodes, ofRun, runNodes, run, record: this.#recordOf(run), now, isOffline: since !== null });
    this.#drawConnection();
    this.#home.draw({
      now: this.#stale?.now ?? this.#api.now(),
      clock: this.#clock(),
      since,
      staleWord: this.#staleWord,
      isDeaf: this.#service.transport === 'http',
    });
    const live = isPast ? this.#shown.state.run(this.#clock()) : run;
    this.#jobsView.draw({ jobId: this.#shown.jobId, run: live?.told ? live : null }, this.#overview.heardRuns(), this.#api.now());
    this.#drawTitle(live);
    this.#announce(live, isPast ? [] : nodes);
    this.#completeRun(live, nodes, isPast);
    this.#askForPlace(live);
  }

  // The graph that a run of ours has, which the draft may have left; else the graph that is shown.
  #graphOf(run, { graph, isPast }) {
    const { runGraph } = this.#shown;
    return !isPast && run?.told && run.runId !== null && runGraph?.runId === run.runId ? runGraph.graph : graph;
  }

  // What the server has of the run, beside what is heard of it; null where that is not known yet.
  #recordOf(run) {
    const past = this.#runs.past;
    if (past !== null) return past.record;
    const { runGraph } = this.#shown;
    return run !== null && run.runId !== null && runGraph?.runId === run.runId ? runGraph.record : null;
  }

  #whyNoRun() {
    const { asked, askedForRuns, job } = this.#shown;
    if (this.#stale !== null && this.#service.state !== 'connected') return 'Not known while offline';
    if (asked && job === null) return 'Nothing heard of it yet';
    return askedForRuns ? 'Not run yet' : '';
  }

  get #canRun() {
    const live = this.#shown.state.run(this.#clock());
    return this.#shown.job !== null && this.#shown.pending === null && (live === null || live.ended || !live.told);
  }

  #drawConnection() {
    this.#account.draw(currentUser());
    const { state, reason, transport, detour, isLooking, serverState } = this.#service;
    const { asked, job } = this.#shown;
    this.#connection.draw(state, reason, {
      detour,
      isLooking,
      isDeaf: transport === 'http' && asked && job === null,
      hasNews: serverState.nats === 'ok',
      token: knownCredential(),
      now: this.#api.now(),
      since: this.#lost?.at ?? null,
    });
  }

  #drawDetails(node, { run, now, isPast, holds }) {
    this.#keptOutputs.drawNode(node, { run, graph: this.#view().graph, canRun: this.#canRun });
    const trace = node.state === 'error' ? this.#runs.traceOf(run) : null;
    const samples = isPast ? this.#runs.samplesOf(node.nodeId) : this.#shown.throughput.of(node.nodeId, run?.runId ?? null);
    this.#details.draw(node, now, {
      trace,
      rates: ratesOf(samples, node.endedAt ?? now),
      holds: holds === null ? '' : holdsText(holds),
      written: this.#files.writtenBy(node, run, this.#view().graph),
    });
  }

  // Whoever reports as a node that the graph does not have is shown beside it; but not before the server has said whether
  // it has a graph, and not the nodes of a run of ours, which the draft may have lost since.
  #addStrangers() {
    const { asked, state, graph, job } = this.#shown;
    if (!asked) return;
    if (job !== null && state.run()?.told !== false) return;
    const known = new Set(graph.nodes.map((node) => node.id));
    const strangers = state.nodeIds().filter((id) => !known.has(id));
    if (strangers.length === 0) return;
    const added = strangers.map((id) => ({ id, type: '', name: state.node(id).nodeName || `Node ${id}`, config: {} }));
    this.#shown.graph = { ...graph, nodes: [...graph.nodes, ...added] };
    this.#graph.show(this.#shown.graph, '', { editable: this.#shown.editable });
  }

  #drawTitle(run) {
    const { job, jobId } = this.#shown;
    if (this.#pages.shown !== 'job') return this.#drawPageTitle();
    const known = job ?? this.#jobs.find(({ id }) => id === jobId);
    const name = known?.name ?? (jobId === null ? '' : `Job ${jobId}`);
    setText(byId('job-name'), name || ' ');
    setHidden(byId('job-edit'), job === null);
    setHidden(byId('job-notify'), job === null);
    setAttribute(byId('job-notify'), 'aria-pressed', String(this.#notifier.isWanted(jobId)));
    showInTab(this.#stale === null ? (run?.status ?? null) : 'offline');
    const state = this.#stale === null ? RUN_WORDS[run?.status] : this.#staleWord;
    const parts = [run === null || run.ended ? '' : state, name, 'Playground'];
    const title = parts.filter((part) => part !== '').join(' · ');
    if (document.title !== title) document.title = title;
    return undefined;
  }

  #drawPageTitle() {
    const running = this.#overview.running().length;
    const state = this.#stale !== null ? this.#staleWord : running > 0 ? `${running} running` : '';
    showInTab(this.#stale !== null ? 'offline' : running > 0 ? 'running' : null);
    const title = [state, this.#pages.shown === 'home' ? 'Home' : 'Runs', 'Playground'].filter((part) => part !== '').join(' · ');
    if (document.title !== title) document.title = title;
  }

  // Changes of state are read out, counts are not.
  #announce(run, nodes) {
    const before = this.#announced;
    const troubled = nodes.filter(({ state }) => state === 'stalled' || state === 'error');
    const now = {
      run: run === null ? 'none' : `${run.runId} ${run.status}`,
      nodes: troubled.map(({ nodeId, state }) => `${nodeId} ${state}`).join(),
      connection: this.#service.state,
    };
    this.#announced = now;
    const said = [];
    if (now.connection !== before.connection) said.push(...spokenConnection(now.connection, before.connection));
    if (now.nodes !== before.nodes) said.push(...troubled.map(({ nodeName, state }) => `${nodeName}: ${NODE_WORDS[state].toLowerCase()}.`));
    if (now.run !== before.run && run?.ended && run.told && before.run === `${run.runId} running`) this.#notifyOf({ ...run, jobId: this.#shown.jobId });
    if (now.run !== before.run && run !== null) said.push(spokenStatus(run, this.#shown));
    if (said.length > 0) this.#speak(said.join(' '));
  }

  // The one live region of the page. While a dialog is open, all beside it is inert, so it is there.
  #speak(text) {
    const region = byId('announcer');
    const place = document.querySelector('dialog[open]') ?? document.body;
    if (region.parentElement !== place) place.append(region);
    setText(region, text);
  }

  // Only the record knows where a run stands in the queue.
  #askForPlace(run) {
    const shown = this.#shown;
    const waits = run?.status === 'queued' && run.runId !== null && shown.job !== null;
    if (!waits) {
      shown.place = shown.waitReason = null;
      return;
    }
    if (Date.now() - shown.askedForPlace < PLACE_PERIOD) return;
    shown.askedForPlace = Date.now();
    this.#attempt(async () => {
      const { queuePosition, waitReason } = await this.#api.run(run.runId);
      Object.assign(shown, { place: queuePosition, waitReason });
      this.#askForDrawing();
    }, { quiet: true });
  }

  // A page that was opened after the start, or after the end, gets the times from the record; when nodes began, which it
  // does not have, from the history, once somebody looks. A last word that did not come is in the record, too.
  #completeRun(run, nodes, isPast) {
    const shown = this.#shown;
    if (run === null || run.runId === null || shown.job === null) return;
    const isLookedAt = (node) => node.nodeId === shown.selected || this.#runs.showsTable;
    if (!isPast && nodes.some((node) => node.heard && node.startedAt === null && isLookedAt(node))) this.#runs.askForBeginnings(run.runId, shown.state);
    const isGraphKnown = shown.runGraph?.runId === run.runId || shown.fetchedRuns.has(run.runId);
    if (run.told && !isGraphKnown) this.#attempt(() => this.#fetchRun(shown, run.runId), { quiet: true });
    if (!run.ended) return;
    const isComplete = run.startedAt !== null && run.endedAt !== null && (isPast || nodes.every((node) => !node.heard || node.endedAt !== null));
    if (isComplete) return;
    if (shown.fetchedRuns.has(run.runId)) return;
    this.#attempt(() => this.#fetchRun(shown, run.runId), { quiet: true });
  }
}

function nothingShown() {
  return {
    jobId: null,
    job: null,
    asked: false,
    askedForRuns: false,
    isMissed: false,
    runGraph: null,
    cancelled: null,
    graph: NO_GRAPH,
    editable: false,
    state: new JobState(),
    throughput: new Throughput(),
    selected: null,
    pending: null,
    place: null,
    waitReason: null,
    askedForPlace: 0,
    fetchedRuns: new Set(),
  };
}

// Whether two graphs compute something else: names and places do not matter.
function differ(one, other) {
  const told = ({ nodes, edges }) =>
    JSON.stringify([nodes.map(({ id, type, config }) => [id, type, config]).sort(([a], [b]) => a - b), edges.map(({ from, to }) => `${from} ${to}`).sort()]);
  return told(one) !== told(other);
}

function withShare(view, expected) {
  return { ...view, share: nodeShare(view, expected) };
}

// The first connection is no news, and each further try is none.
function spokenConnection(now, before) {
  if (now === 'connected' && before === 'connecting') return [];
  if (now === 'disconnected' && before === 'connected') return ['Connection lost.'];
  return now === 'connected' ? ['Connected.'] : [];
}

function spokenStatus({ status, startedAt, endedAt, reason }, { job }) {
  const took = startedAt !== null && endedAt !== null ? ` after ${formatDuration(endedAt - startedAt, endedAt - startedAt < 1)}` : '';
  const why = reason !== null && status !== 'completed' ? `: ${reason}` : '';
  return `${job?.name ?? 'Run'}: ${RUN_WORDS[status].toLowerCase()}${took}${why}`;
}

function socketAddress() {
  const address = new URL('../../ws', import.meta.url);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = '';
  address.hash = '';
  return address.href;
}

takeTokenFromAddress();
new Playground().start();
