/**
 * The Playground: introduces the parts to each other, and says what is done with what they tell. It shows home, the runs of all jobs, or one job.
 *
 * What is live comes through the JobRealtimeService alone. The HTTP API is for what a person asks for, and
 * for the record of a run whose messages are older than this page. Who owns what:
 *
 *   job-at-hand.js   what is known of the job      runs.js       its runs, and which past one is looked at
 *   edit/editor.js   its draft                     executing.js  what is pressed and not answered yet
 *   known-jobs.js    the list of all jobs          home.js       what home and the runs of all jobs list
 *   liveness.js      since when nothing is heard   sign-in.js    whether somebody left
 *   places.js        the way to a place            chosen-node.js, offered-here.js: what a person chose, and can choose
 *   spoken.js        what was read out
 *
 * A frame: drawing.js draws what looked-at.js sees, then fetching.js asks for what wanted.js finds lacking.
 */

import { JobRealtimeService } from '../realtime/job-realtime-service.js';
import { RUN_ENDS } from '../realtime/messages.js';
import { Drawing } from './drawing.js';
import { Editor } from './edit/editor.js';
import { JsonView } from './edit/saving/json-view.js';
import { saveOver } from './edit/saving/saving.js';
import { Failure } from './failure/failure.js';
import { Fetching } from './fetching.js';
import { Files } from './files/files.js';
import { FindView } from './find/find-view.js';
import { OfferedHere } from './find/offered-here.js';
import { GraphView } from './graph/graph-view.js';
import { MinimapView } from './graph/minimap-view.js';
import { Greeting } from './help/greeting.js';
import { GuideView } from './help/guide-view.js';
import { Tour } from './help/tour.js';
import { Gallery } from './home/gallery.js';
import { Home } from './home/home.js';
import { JobsView } from './home/jobs-view.js';
import { KnownJobs } from './home/known-jobs.js';
import { Overview } from './home/overview.js';
import { Kept } from './kept/kept.js';
import { LookedAt } from './looked-at.js';
import { PagesView } from './pages-view.js';
import { tellCutText } from './parts/cut-text.js';
import { byId, forgetKeyboard, keepIcons } from './parts/dom.js';
import { leaveKeysToInputMethod } from './parts/fields/composing.js';
import { oncePerFrame } from './parts/frames.js';
import { watchPresses } from './parts/presses.js';
import { asSentence, RUN_WORDS } from './parts/texts/text.js';
import { jobPlace, placeIn } from './places/address.js';
import { Places } from './places/places.js';
import { ROOT } from './root.js';
import { Executing } from './run/executing.js';
import { JobAtHand, NO_GRAPH } from './run/job-at-hand.js';
import { ChosenNode } from './run/node/chosen-node.js';
import { DetailsView } from './run/node/details-view.js';
import { RunView } from './run/run-view.js';
import { Runs } from './run/runs.js';
import { Api } from './server/api.js';
import { Attempts } from './server/attempts.js';
import { oneAtATime } from './server/one-at-a-time.js';
import { credentialNumber, currentCredential, currentRights, currentToken, takeTokenFromAddress } from './session/session.js';
import { SignIn } from './session/sign-in.js';
import { ConnectionView } from './status/connection-view.js';
import { Liveness } from './status/liveness.js';
import { NewerPage } from './status/newer-page.js';
import { NoticeView } from './status/notice-view.js';
import { Notifier } from './status/notifier.js';
import { Spoken } from './status/spoken.js';

/** Milliseconds between two looks at the clock while something on the page counts time. */
const TICK = 1_000;

/** Milliseconds that the lists wait for the first connection: asked for before, they would have to be asked for again. */
const FIRST_WAIT = 1_000;

/** Milliseconds before the first connection in which a job's last run may have been asked for: what it does since is told first. */
const FRESH = 5_000;

class Playground {
  #redraw = oncePerFrame(() => this.#frame());
  #page = this.#pageOfParts();
  #api = new Api(currentToken, {
    onRefused: (message) => this.#signIn.refuse(message),
    credentialNumber,
    onPage: (version) => this.#newerPage.heard(version),
  });
  #service = new JobRealtimeService({ url: socketAddress(), token: currentCredential });
  #overview = new Overview();
  #isListed = false; // the jobs were asked for
  #isVocabularyMissed = false; // which nodes and functions there are could not be had

  // ---- what is known and shown
  #job = new JobAtHand({
    api: this.#api,
    page: this.#page,
    onJob: (job) => this.#onJob(job),
    onOther: (job) => this.#onOther(job),
  });
  #known = new KnownJobs({ api: this.#api, page: this.#page, isLive: () => this.#live.isLive, onListed: (jobs) => this.#onListed(jobs) });
  #live = new Liveness({
    service: this.#service,
    now: () => this.#api.now(),
    isPast: () => this.#runs.past !== null,
    onBack: (how) => this.#onBack(how),
  });

  // ---- what is seen
  #spoken = new Spoken();
  #newerPage = new NewerPage({ announce: (text) => this.#spoken.say(text) });
  #connection = new ConnectionView({ onRetry: () => this.#service.reconnect(), onRenew: () => this.#signIn.renew() });
  #jobsView = new JobsView({ onOpen: (jobId) => this.#places.go(jobPlace(jobId)) });
  #pages = new PagesView({ onGo: (place) => this.#places.go(place) });
  #graph = new GraphView({ onSelect: (nodeId) => this.#chosen.select(nodeId) });
  #minimap = new MinimapView(this.#graph);
  #runView = new RunView({
    onExecute: () => this.#executing.execute(),
    onCancel: () => this.#executing.cancel(),
    onShowNode: (id) => this.#chosen.show(id),
  });
  #keptOutputs = new Kept({ api: this.#api, page: this.#page, begin: (fromRun, fromNode) => this.#executing.execute({ fromRun, fromNode }) });
  #failure = new Failure({
    api: this.#api,
    page: this.#page,
    editor: () => this.#editor,
    runAgain: (values) => this.#executing.execute(null, values),
  });
  #details = new DetailsView({
    ahead: this.#failure.element,
    onClose: () => this.#chosen.close(),
    onShowLog: () => this.#runs.openDrawer('log'),
    onShowWritten: (written) => this.#files.show(written),
    more: this.#keptOutputs.element,
  });
  #notice = new NoticeView({ announce: (text) => this.#spoken.say(text) });
  #find = new FindView({ items: () => this.#offered.findable(), announce: (text) => this.#spoken.say(text) });
  #notifier = new Notifier({ onOpen: (jobId, runId) => this.#places.go(jobPlace(jobId, { run: runId })) });
  #signIn = new SignIn({
    page: this.#page,
    service: this.#service,
    onAnew: () => this.#onAnew(),
    onRenewed: () => this.#onRenewed(),
  });

  // ---- what a person does
  #jsonView = new JsonView({
    check: (document) => this.#api.validate(document),
    save: (job, document) => this.#save(job, document),
    announce: (text) => this.#spoken.say(text),
    say: (text) => this.#notice.say(text, 'error'),
  });
  #editor = new Editor({
    api: this.#api,
    graph: this.#graph,
    page: this.#page,
    onDraft: (graph) => this.#showDraft(graph),
    onChosen: (nodeId) => this.#chosen.open(nodeId),
    onSaved: (job) => this.#onSaved(job),
    onGone: (jobId) => this.#onGone(jobId),
    onUnsaved: (jobIds) => this.#jobsView.markUnsaved(jobIds),
    takenIds: () => this.#job.shown.state.nodeIds(),
    keptRun: () => this.#keptOutputs.idOf(this.#lookedAt.run),
  });
  #attempts = new Attempts({
    notice: this.#notice,
    editor: this.#editor,
    shown: () => this.#job.shown,
    onRunning: (runId) => this.#job.fetchRun(this.#job.shown, runId),
  });
  #files = new Files({
    api: this.#api,
    page: this.#page,
    does: {
      canAdd: () => this.#editor.isOpen && this.#editor.types.size > 0,
      add: (nodes, ...at) => this.#editor.dropNodes(nodes, ...at),
      types: () => this.#editor.types,
    },
  });
  #runs = new Runs({
    api: this.#api,
    page: this.#page,
    onOpening: () => this.#chosen.makeRoom(),
    onDrawer: (name) => name === 'preview' && this.#editor.previewShown(),
    onPast: (isPast) => this.#onPast(isPast),
    onPlace: () => this.#places.moved(),
    restore: (record, how) => this.#executing.restore(record, how),
  });
  #executing = new Executing({ api: this.#api, page: this.#page, job: this.#job, editor: this.#editor, runs: this.#runs });
  #home = new Home({
    api: this.#api,
    page: this.#page,
    overview: this.#overview,
    does: {
      newJob: () => this.#editor.newJob(),
      importJobs: () => this.#editor.importJobs(),
      refreshJobs: () => this.#known.refreshSoon(),
      subscribe: (jobId) => this.#watch(jobId),
      unsubscribe: (jobId) => jobId !== this.#job.shown.jobId && this.#service.unsubscribeFromJob(jobId),
    },
  });
  #gallery = new Gallery({
    api: this.#api,
    page: this.#page,
    make: (document) => this.#editor.makeJob(document),
    offer: (jobs) => this.#greeting.offer(jobs),
  });
  #greeting = new Greeting({ start: (job) => this.#gallery.start(job), tour: () => this.#tour.start() });
  #tour = new Tour({ showJob: () => this.#showAnyJob(), newJob: () => this.#editor.newJob(), onEnd: () => this.#greeting.close() });

  // ---- where the person is, and what is drawn of it
  #lookedAt = new LookedAt({ job: this.#job, runs: this.#runs, live: this.#live });
  #places = new Places({
    job: this.#job,
    lookedAt: this.#lookedAt,
    runs: this.#runs,
    pages: this.#pages,
    home: this.#home,
    does: { open: (jobId) => this.#open(jobId), leave: () => this.#leave(), showNode: (id) => this.#chosen.show(id), redraw: () => this.#redraw() },
  });
  #chosen = new ChosenNode({
    job: this.#job,
    lookedAt: this.#lookedAt,
    runs: this.#runs,
    editor: this.#editor,
    graph: this.#graph,
    details: this.#details,
    onChosen: (nodeId) => this.#onChosen(nodeId),
  });
  #offered = new OfferedHere({
    page: this.#page,
    lookedAt: this.#lookedAt,
    runs: this.#runs,
    editor: this.#editor,
    graph: this.#graph,
    chosen: this.#chosen,
    keptOutputs: this.#keptOutputs,
  });
  #fetching = new Fetching({ api: this.#api, page: this.#page, job: this.#job, runs: this.#runs });
  #drawing = new Drawing({
    api: this.#api,
    service: this.#service,
    editor: this.#editor,
    job: this.#job,
    known: this.#known,
    lookedAt: this.#lookedAt,
    live: this.#live,
    runs: this.#runs,
    overview: this.#overview,
    keptOutputs: this.#keptOutputs,
    failure: this.#failure,
    files: this.#files,
    signIn: this.#signIn,
    notifier: this.#notifier,
    graph: this.#graph,
    minimap: this.#minimap,
    runView: this.#runView,
    details: this.#details,
    connection: this.#connection,
    home: this.#home,
    jobsView: this.#jobsView,
    pages: this.#pages,
  });

  start() {
    new GuideView({
      functions: () => this.#api.functions(),
      jobs: () => this.#known.all,
      tour: () => this.#tour.start(),
      say: (text) => this.#spoken.say(text),
    });
    this.#hear();
    this.#graph.onMenu((what, at) => this.#offered.openMenu(what, at));
    byId('job-notify').addEventListener('click', () => this.#toggleNotified());
    byId('job-edit').addEventListener('click', () => this.#page.editAsJson());
    addEventListener('popstate', () => this.#places.comeBack(placeIn(location.href)));
    setInterval(() => this.#redraw(), TICK);
    this.#known.start();
    this.#redraw();
    keepIcons();
    this.#load();
  }

  #onAnew() {
    forgetKeyboard();
    this.#known.forget();
    this.#jobsView.forget();
    this.#home.forget();
    this.#load();
  }

  #onRenewed() {
    this.#notice.clearCausedBy('token');
    this.#refreshJobs();
  }

  async #load() {
    this.#notice.clearCausedBy('token');
    if (!(await this.#signIn.begin())) return;
    this.#loadVocabulary();
    if (currentRights().onlyJob === null) this.#service.subscribeToAllJobs().catch(() => undefined); // errors show in the connection's own place
    this.#places.begin();
    await this.#live.settled(FIRST_WAIT);
    this.#isListed = true;
    this.#home.begin();
    await this.#page.attempt(() => this.#known.refresh());
    this.#redraw();
  }

  async #loadVocabulary(how = {}) {
    this.#isVocabularyMissed = false;
    const areTypesThere = await this.#page.attempt(() => this.#editor.loadTypes(), how);
    const isLookedAt = currentRights().onlyJob !== null; // nothing is made or changed
    const areFunctionsThere = isLookedAt || (await this.#page.attempt(() => this.#editor.loadFunctions(), { quiet: true }));
    this.#isVocabularyMissed = !(areTypesThere && areFunctionsThere);
  }

  // The server answers: what it could not tell before is asked for again.
  #fetchMissed() {
    const { shown } = this.#job;
    if (shown.isMissed) this.#page.attempt(() => this.#job.catchUp(shown), { quiet: true });
    if (this.#isVocabularyMissed) this.#loadVocabulary({ quiet: true });
    this.#gallery.askAgain();
  }

  // What parts may ask for.
  /** @returns {import('./page.js').Page} */
  #pageOfParts() {
    return {
      attempt: (work, options) => this.#attempts.attempt(work, options),
      say: (text, tone, action, cause) => this.#notice.say(text, tone, action, cause),
      clearNotice: (cause) => (cause === undefined ? this.#notice.clear() : this.#notice.clearCausedBy(cause)),
      announce: (text) => this.#spoken.say(text),
      redraw: () => this.#redraw(),
      go: (place, options) => this.#places.go(place, options),
      jobId: () => this.#job.shown.jobId,
      selected: () => this.#job.shown.selected,
      select: (nodeId) => this.#chosen.show(nodeId),
      jobs: () => this.#known.all,
      turnToJob: async (jobId) => {
        await this.#refreshJobs();
        return { shown: this.#places.go(jobPlace(jobId), { isAnew: true }) }; // also where it is shown: its draft was discarded
      },
      editAsJson: () => this.#editAsJson(),
      find: () => this.#find.open(),
      browse: (path, isWriting) => this.#files.choose(path, isWriting),
      dock: this.#previewDock(),
    };
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

  // ---- the job at hand

  async #open(jobId) {
    this.#editor.close();
    const before = this.#job.shown.jobId;
    if (before !== null) this.#service.unsubscribeFromJob(before);
    const shown = this.#job.open(jobId, { isAway: this.#live.lostAt !== null });
    this.#forgetView();
    this.#showGraph(shown.graph, '');
    this.#watch(jobId);
    await this.#page.attempt(() => this.#job.fetchJob(shown));
    await this.#page.attempt(() => this.#job.fetchLatestRun(shown), { quiet: true });
  }

  #leave() {
    this.#editor.close();
    this.#service.unsubscribeFromJob(this.#job.shown.jobId);
    this.#job.open(null);
    this.#forgetView();
    this.#showGraph(NO_GRAPH, '');
  }

  #forgetView() {
    this.#notice.clear();
    this.#runs.open(null);
    this.#details.show(null);
    this.#jobsView.markShown(this.#job.shown.jobId);
  }

  // The socket is opened at once, beside the first calls; errors show in the connection's own place.
  #watch(jobId) {
    this.#service.subscribeToJob(jobId).catch(() => undefined);
  }

  #onJob(job) {
    if (job === null) return this.#onNoJob();
    this.#runs.open(job.id);
    this.#showStored(job);
    this.#find.refresh();
    if (job.odd.length > 0) this.#tellOdd(job);
    return undefined;
  }

  #onNoJob() {
    this.#showGraph(NO_GRAPH, 'This job is not stored here. Its nodes appear as soon as they report.');
    if (currentRights().canWrite) this.#editor.offerLeft(this.#job.shown.jobId);
  }

  #onOther(job) {
    if (job === null || currentRights().canEdit) this.#editor.takeStored(job);
    else if (this.#runs.past === null) this.#showStored(job);
  }

  // In the editor; where nobody may change it, as it is.
  #showStored(job) {
    if (currentRights().canEdit) this.#editor.open(job);
    else {
      this.#editor.lookAt(job);
      this.#showGraph(job.graph, 'This job has no nodes yet.');
    }
  }

  #tellOdd({ odd }) {
    const text = `This job was stored with errors that cannot be shown: ${odd.join('; ')}. Saving a change leaves them out.`;
    this.#notice.say(text, 'error', this.#editor.isOpen ? { label: 'Edit as JSON', run: () => this.#page.editAsJson() } : null);
  }

  // As it is once what is being saved of it is answered: its own new name would be somebody else's.
  #editAsJson = oneAtATime(async () => {
    const { shown } = this.#job;
    await this.#editor.settled();
    if (shown === this.#job.shown && this.#editor.isOpen) this.#jsonView.open(this.#editor.document);
  });

  // Who has gone on meanwhile stays there, and what was changed on the canvas meanwhile stays as if somebody else had saved.
  async #save(job, document) {
    const before = this.#editor.graphOf(job.id);
    const saved = await saveOver(this.#api, job, document);
    if (saved === null) return false;
    const isAsItWas = this.#editor.graphOf(saved.id) === before || !this.#editor.unsavedIds.includes(saved.id);
    if (isAsItWas) this.#editor.forget(saved.id);
    await this.#refreshJobs();
    if (isAsItWas && this.#job.shown.jobId === saved.id) this.#places.go(jobPlace(saved.id), { isAnew: true });
    return true;
  }

  // What was done is done, whether the list follows or not.
  #refreshJobs() {
    return this.#page.attempt(() => this.#known.refresh(), { quiet: true });
  }

  async #onSaved(job) {
    if (this.#job.shown.jobId === job.id) this.#job.shown.job = job;
    this.#executing.takeSaved(job);
    await this.#refreshJobs();
    this.#redraw();
  }

  async #onGone(jobId) {
    await this.#refreshJobs();
    if (this.#job.shown.jobId === jobId) await this.#places.go({ page: 'home' });
  }

  #onListed(jobs) {
    const isFirst = !this.#overview.areJobsKnown;
    this.#overview.takeJobs(jobs);
    if (isFirst) this.#find.refresh(); // a later list, which seldom differs, would take the item from under a press of the mouse
    this.#home.askForStrangers();
    this.#jobsView.show(jobs);
    this.#jobsView.markShown(this.#job.shown.jobId);
    this.#jobsView.markUnsaved(this.#editor.unsavedIds);
    this.#fetchMissed();
    if (!this.#job.isAsListed(jobs)) this.#page.attempt(() => this.#job.hasChanged(), { quiet: true });
    this.#redraw();
  }

  // For the tour: the job at hand, else the first one. False where there is none.
  async #showAnyJob() {
    if (this.#page.jobId() === null && this.#known.all.length === 0) await this.#refreshJobs(); // they may be on their way
    const [first] = this.#known.all;
    if (this.#page.jobId() === null && first !== undefined) await this.#places.go(jobPlace(first.id));
    return this.#page.jobId() !== null;
  }

  // ---- what is live

  #hear() {
    this.#service.onState((state) => this.#onConnection(state));
    this.#service.onServer((state) => this.#onServer(state));
    this.#service.onSeen((event) => this.#onEvent(event, 'seen'));
    this.#service.onProgress((event) => this.#onEvent(event, 'progress'));
    this.#service.onStatus((event) => this.#onEvent(event, 'status'));
    this.#service.onBrief((brief) => this.#onBrief(brief));
    this.#service.onError((error) => this.#onServiceError(error));
  }

  #onEvent(event, kind) {
    const { shown } = this.#job;
    if (event.jobId !== shown.jobId) return this.#home.hear(event, kind);
    if (!shown.state[kind](event, this.#api.now())) return undefined;
    if (kind === 'progress') shown.throughput.hear(event, this.#api.now());
    this.#redraw();
    return undefined;
  }

  #onBrief(brief) {
    const run = this.#home.hearBrief(brief, Date.now() / 1_000);
    if (run !== null && RUN_ENDS.has(run.status)) this.#notifyOf(run);
    this.#redraw();
  }

  #notifyOf({ runId, jobId, status, reason }) {
    const name = this.#nameOf(jobId) ?? `Job ${jobId}`;
    this.#notifier.ended({ runId, jobId }, `${name}: ${RUN_WORDS[status].toLowerCase()}`, status === 'completed' ? '' : asSentence(reason ?? ''));
  }

  // As the page shows it; null where neither the job nor the list of all has come.
  #nameOf(jobId) {
    const { shown } = this.#job;
    const name = shown.jobId === jobId ? shown.job?.name : undefined;
    return name ?? this.#known.nameOf(jobId);
  }

  async #toggleNotified() {
    const why = await this.#notifier.toggle(this.#job.shown.jobId);
    if (why !== null) this.#notice.say(why, 'error');
    this.#redraw();
  }

  #onConnection(state) {
    if (state === 'connected') {
      this.#home.expectSnapshot();
      this.#job.shown.state.expectSnapshot();
      this.#signIn.taken();
    }
    this.#live.note();
    this.#redraw();
  }

  // Of the time while the server heard nothing, nobody's silence counts.
  #onServer({ nats }) {
    if (nats === 'ok') this.#job.shown.state.listenAgain(this.#api.now());
    this.#live.note();
    this.#redraw();
  }

  #onBack({ isFirst }) {
    this.#notice.clearCausedBy('connection');
    this.#page.attempt(() => this.#job.catchUp(this.#job.shown, isFirst ? FRESH : 0), { quiet: true });
    this.#home.catchUp();
    if (!isFirst) this.#known.expectChanges();
    if (this.#isListed) this.#known.look(); // else they are asked for now
  }

  #onServiceError({ code, message, final }) {
    if (['no_token', 'token_expired', 'token_refused'].includes(code)) this.#signIn.refuse(asSentence(message));
    else if (!final) this.#notice.say(asSentence(message), 'error', null, code === 'bad_token' ? 'token' : null);
  }

  // ---- what is looked at

  #onChosen(nodeId) {
    if (nodeId !== null) this.#places.chosen();
    this.#places.note();
    this.#redraw();
  }

  #showDraft(graph) {
    this.#job.shown.editable = true;
    this.#job.shown.state.expectNodes(graph.nodes.map((node) => node.id));
    this.#showGraph(graph, emptyDraftText());
  }

  // A past run is looked at, on its own graph; the draft waits, with what was changed.
  #onPast(isPast) {
    this.#chosen.open(null);
    if (isPast) {
      this.#editor.close();
      this.#graph.show(this.#runs.past.graph, 'The graph of this run had no nodes.');
    } else if (this.#job.shown.job !== null) {
      this.#showStored(this.#job.shown.job);
      if (this.#job.shown.isGone) this.#onOther(null); // told again: the notice went when the past run came
    }
  }

  #showGraph(graph, emptyText) {
    this.#job.shown.graph = graph;
    if (this.#runs.past === null) this.#graph.show(graph, emptyText, { editable: this.#job.shown.editable });
    this.#redraw();
  }

  #frame() {
    const withStrangers = this.#runs.past === null ? this.#job.withStrangers() : null;
    if (withStrangers !== null) this.#graph.show(withStrangers, '', { editable: this.#job.shown.editable });
    const seen = this.#lookedAt.all;
    this.#drawing.draw(seen);
    this.#tell(seen);
    this.#fetching.ask(seen);
    if (this.#pages.shown === 'home' && currentRights().onlyJob === null) this.#gallery.look(this.#editor.types);
  }

  #tell({ liveRun, nodes, isPast }) {
    const { jobId } = this.#job.shown;
    const { state, serverState } = this.#service;
    const connection = state === 'connected' && serverState.nats !== 'ok' ? 'deaf' : state;
    this.#spoken.tell(liveRun, isPast ? [] : nodes, { connection, jobName: this.#nameOf(jobId), onEnded: (run) => this.#notifyOf({ ...run, jobId }) });
  }
}

// In a narrow window, as editor.css has it, there is no palette: the button below it says what to do.
function emptyDraftText() {
  return matchMedia('(max-width: 53.75em)').matches ? 'An empty job.' : 'An empty job. Drag a node here from the palette, or press A.';
}

function socketAddress() {
  const address = new URL('ws', ROOT);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = '';
  address.hash = '';
  return address.href;
}

takeTokenFromAddress();
leaveKeysToInputMethod();
watchPresses();
tellCutText(document.body);
new Playground().start();
