/**
 * The editor of the job at hand: owns its draft, the selection and what the validator says; introduces palette, form,
 * toolbar, preview and keyboard to each other. The page around it is told through `host`:
 *
 *   {onDraft(graph), onChosen(nodeId | null), isDetailsOpen(), takenIds() → [id], jobs() → [{id, name}], show(jobId),
 *    saved(job), gone(jobId), unsaved(jobIds), editAsJson(), find(), dock: {show(), hide(), isShown}, attempt(work), notice(text, tone, action),
 *    announce(text), browse(path, isWriting) → a path or null}
 *
 * Drafts with changes are kept while other jobs are looked at, and beyond a reload. Test hooks: `#save`, `#undo`,
 * `#redo`, `#zoom-level`, `#problems`, `#notes`, and those of the parts.
 */

import { byId, setHidden, setText } from '../dom.js';
import { iconOf } from '../graph-view.js';
import { layOut, NODE } from '../layout.js';
import { currentTenant } from '../session.js';
import { formatMoment } from '../text.js';
import { asClipboardText, fromClipboardText } from './clipboard.js';
import { EditModel } from './edit-model.js';
import { columnsEntering, columnsOfEdge, linesOf, problemsOfBoth, valuesText, whyUnread, withExpression } from './columns.js';
import { startingConfig } from './fields.js';
import { foundText, isSameFile, typed, withFound } from './found-types.js';
import { addNode, configured, configuredAs, connected, fragmentOf, freeName, freePlace, GRID, moved, nodeOf, placed, renamed, whyNoEdge, withFragment, without } from './graphs.js';
import { IS_MAC, openHelp } from './help.js';
import { JobTools } from './job-tools.js';
import { KeptDrafts } from './kept-drafts.js';
import { commandOf, keyOf, KEYS, KEYS_EVERYWHERE } from './keys.js';
import { Latest } from './latest.js';
import { NodeForm } from './node-form.js';
import { PaletteView } from './palette-view.js';
import { ParametersForm, parametersOf } from './parameters-form.js';
import { patiently } from './patience.js';
import { Picker } from './picker.js';
import { completed, edgeKey, inputsOf, outputsOf, REJECTED, withRenamedPort } from './ports.js';
import { PreviewView } from './preview-view.js';
import { retriesForm } from './retries-form.js';
import { keptForm } from '../kept/kept-form.js';
import { tagForm } from './tag-form.js';
import { saveOver } from './saving.js';
import { tabName } from './this-tab.js';
import { columnsBefore } from './words.js';

/** Milliseconds without a change until the draft is checked. */
const QUIET = 250;

/** The same until the columns between its nodes are asked for, which may open files and databases. */
const COLUMNS_QUIET = 400;

/** Milliseconds until sources that were not asked yet are asked, and how often. */
const PENDING = 1_000;
const MOST_PENDING = 30;

/** Milliseconds for which the tables of a connection are known. */
const TABLES_FRESH = 60_000;

/** Pixels from a node to one that is added after it. */
const AFTER = NODE.width + 88;

/** What a new node needs, with room for what may stand below a card. */
const ROOM = { width: NODE.width + 3 * GRID, height: NODE.height + 10 * GRID };

/** Pixels that an arrow key moves. */
const NUDGE = GRID;
const NUDGE_FAR = GRID * 6;
const LOOK = 80;

/** Milliseconds after the last arrow until it is read out how far things went. */
const TOLD_AFTER = 600;

/** Pixels; in a narrower window the details lie over all else. */
const SHEET = 860;

const STEPS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

export class Editor {
  #api;
  #graph;
  #host;
  #types = new Map(); // name → node type
  #functions = []; // that expressions may call
  #seen = new WeakMap(); // draft → Map of node id → names of the columns that its preview had
  #drafts = new Map(); // job id → {job, model}, of the job at hand and of those with changes
  #kept = new KeptDrafts(currentTenant, tabName());
  #toldOthers = new Set(); // ids of jobs of which was told that another tab changes them, too
  #isKept = true; // whether the browser keeps drafts: then nothing is lost with the page
  #draft = null; // {job, model} of the job at hand
  #selection = nothing();
  #marked = null; // the selection that an area is added to
  #opened = null; // id of the node whose form is open
  #fresh = null; // id of a node that was just added: what it lacks is no fault yet
  #engine = null; // number of the engine that runs jobs now; a graph that is saved here says so
  #dismissed = new Map(); // job id → ids of nodes whose notes a person has seen
  #checked = []; // what the validator said last: [{nodeId, field, message, text?}]
  #problems = []; // that, and what the columns tell
  #told = null; // what the server said last of the columns of this draft
  #pending = 0; // times that sources which were not asked yet were asked for again
  #tables = new Map(); // connection → {at, tables}
  #pointer = { clientX: -1, clientY: -1 };
  #pasted = 0; // times that the same was pasted
  #nudged = null; // {what, x, y, timer}: moved by arrow keys and not read out yet

  #picker = new Picker({ announce: (text) => this.#host.announce(text) });
  #palette = new PaletteView({ onAdd: (type) => this.#add(type), onDrop: (type, x, y) => this.#drop(type, x, y) });
  #form;
  #preview;
  #parameters = new ParametersForm();
  #retries = retriesForm();
  #keepOutputs = keptForm();
  #tag = tagForm();
  #tools;
  #checks;
  #columns;

  constructor({ api, graph, host }) {
    this.#api = api;
    this.#graph = graph;
    this.#host = host;
    this.#form = new NodeForm(this.#formSays());
    this.#preview = new PreviewView({ load: (nodeId) => this.#previewOf(nodeId), onClose: (id) => graph.focusNode(id), announce: (text) => host.announce(text), dock: host.dock });
    this.#tools = new JobTools(api, this.#jobHost());
    this.#checks = new Latest({ ask: (checked, signal) => this.#check(checked, signal), onAnswer: (errors) => this.showProblems(errors), wait: QUIET });
    this.#columns = new Latest({ ask: (shown, signal) => api.columns(shown, signal), onAnswer: (told) => this.#onColumns(told), onError: () => this.#onColumns(null), wait: COLUMNS_QUIET });
    graph.edit(this.#intents());
    graph.onCamera((zoom) => setText(byId('zoom-level'), `${Math.round(zoom * 100)} %`));
    this.#wireButtons();
    this.#wireKeys();
    this.#kept.onOther((isOf) => this.#onOtherTab(isOf));
    window.addEventListener('beforeunload', (event) => {
      if (!this.#isKept && this.unsavedIds.length > 0) event.preventDefault();
    });
  }

  // ---- the job at hand

  /** Node types come from the server, once; without them nothing can be edited. */
  async loadTypes() {
    if (this.#types.size > 0) return;
    const { nodeTypes, engine } = await this.#api.nodeTypes();
    this.#engine = engine;
    this.#types = new Map(nodeTypes.map((type) => [type.name, type]));
    this.#palette.show(nodeTypes);
    this.#graph.useTypes(this.#types);
    this.#refresh();
    this.#functions = await this.#api.functions().catch(() => []); // without them, columns alone are completed
    this.#fillForm();
  }

  /** Node types by their names; none before `loadTypes`. */
  get types() {
    return this.#types;
  }

  /** Edit this job ({id, name, graph, updatedAt, etag}), with the changes made to it earlier; null: there is none. */
  open(job) {
    this.#putAside();
    let restored = null;
    if (job !== null) {
      const known = this.#drafts.get(job.id);
      this.#draft = known ?? { job, model: new EditModel(standingGraph(job.graph)) };
      this.#drafts.set(job.id, this.#draft);
      if (known === undefined) restored = this.#restore(this.#draft);
    }
    this.#refresh();
    if (job !== null) this.#tellNotes();
    if (restored !== null) this.#tellRestored(restored, job);
    else if (job !== null) this.#offerOther(this.#draft);
    if (job !== null) this.#checks.ask(this.document.graph, { soon: true });
    if (job !== null) this.#askColumns({ soon: true });
  }

  /** Nothing is edited until the next job is opened. */
  close() {
    this.#putAside();
    this.#refresh();
  }

  /** The job is not as it was any more: forget changes to it. */
  forget(jobId) {
    if (this.#draft?.job.id === jobId) this.#putAside();
    this.#drafts.delete(jobId);
    this.#kept.drop(jobId);
  }

  /** The graph of before becomes the draft, in one step. False where it is the same already. */
  restoreGraph(graph, label) {
    if (JSON.stringify(graph) === JSON.stringify(this.#draft.model.graph)) return false;
    this.#do({ label, apply: () => standingGraph(graph) }, []);
    this.#graph.fit();
    return true;
  }

  newJob() {
    return this.#tools.create();
  }

  makeJob(document) {
    return this.#tools.make(document);
  }

  importJobs() {
    this.#tools.chooseFiles();
  }

  get isOpen() {
    return this.#draft !== null;
  }

  get isDirty() {
    return this.#draft?.model.isDirty ?? false;
  }

  /** The draft's graph; null when none is open. */
  get graph() {
    return this.#draft?.model.graph ?? null;
  }

  /** What the last run failed by in a node's form: {nodeId, field, text, message, isStanding}, or null. */
  showFault(fault) {
    this.#form.drawFault(fault);
  }

  /** Add a node {type, label, config} that gets what a node gives by a port, as a person would. */
  addAfter(id, port, { type, label, config }) {
    this.#add(this.#types.get(type), null, { after: { id, port }, label, config });
  }

  /** {id, name, graph, etag}: the job with what was changed, else as it is stored; null when none is open. */
  get document() {
    if (this.#draft === null) return null;
    const { job, model } = this.#draft;
    const graph = job.odd.length > 0 && !model.isDirty ? job.asStored : writtenFor(model.graph, job.graph.engine);
    return { id: job.id, name: job.name, graph, etag: job.etag };
  }

  /** Ids of jobs with changes that are not saved. */
  get unsavedIds() {
    return [...this.#drafts].filter(([, { model }]) => model.isDirty).map(([id]) => id);
  }

  /**
   * True when there is nothing that the server does not have. Tells what went wrong itself. `asItIs`: a graph with notes
   * is saved though nothing was changed, which says that it is meant as it is run now.
   */
  async save({ asItIs = false } = {}) {
    this.#fresh = null;
    if (!this.isDirty && !(asItIs && this.#hasNotes)) return true;
    const draft = this.#draft;
    return this.#host.attempt(async () => {
      const { graph } = draft.model;
      const saved = await saveOver(this.#api, draft.job, { name: draft.job.name, graph: writtenFor(graph, this.#engine) });
      if (saved === null) return;
      draft.job = saved;
      draft.model.markSaved(graph);
      this.#keep(draft);
      if (draft === this.#draft) this.#showNotes();
      this.#host.announce('Saved.');
      await this.#host.saved(saved);
      this.#refreshTools();
    }).then((went) => went && !draft.model.isDirty);
  }

  /** Choose a node, as a click on it does. */
  select(id) {
    if (this.#draft === null || nodeOf(this.#draft.model.graph, id) === undefined) return this.#host.onChosen(id);
    this.#selectOnly(id, { open: true });
    return this.#graph.reveal(id);
  }

  /** The details were closed. */
  detailsClosed() {
    this.#opened = null;
    this.#fresh = null;
    this.#form.show(null);
    this.showProblems(this.#checked);
  }

  /** What the validator says, from here or from Execute: [{nodeId, field, message}]. */
  showProblems(checked) {
    this.#checked = checked;
    const errors = problemsOfBoth(checked, this.#told?.problems ?? []);
    this.#problems = errors;
    const byNode = Map.groupBy(errors, (error) => error.nodeId);
    this.#graph.drawProblems(new Map([...byNode].map(([id, found]) => [id, found.map((error) => error.message)])), this.#fresh);
    this.#form.drawErrors(byNode.get(this.#opened) ?? [], this.#fresh === this.#opened);
    const pill = byId('problems');
    setHidden(pill, errors.length === 0);
    setText(byId('problems-text'), errors.length === 1 ? '1 problem' : `${errors.length} problems`);
    pill.title = errors.map(({ message }) => message).slice(0, 12).join('\n');
  }

  // ---- what a graph means otherwise than when it was saved

  get #hasNotes() {
    return (this.#draft?.job.notes.length ?? 0) > 0;
  }

  /** Map node id → [message], of the nodes that are there and were not dismissed. */
  get #notes() {
    if (this.#draft === null) return new Map();
    const { job, model } = this.#draft;
    const dismissed = this.#dismissed.get(job.id) ?? new Set();
    const standing = job.notes.filter(({ nodeId }) => !dismissed.has(nodeId) && nodeOf(model.graph, nodeId) !== undefined);
    return new Map([...Map.groupBy(standing, ({ nodeId }) => nodeId)].map(([id, notes]) => [id, notes.map(({ message }) => message)]));
  }

  #showNotes() {
    const notes = this.#notes;
    this.#graph.drawNotes(notes);
    this.#form.drawNotes(notes.get(this.#opened) ?? []);
    setHidden(byId('notes'), notes.size === 0);
    setText(byId('notes-text'), notes.size === 1 ? '1 node changed its meaning' : `${notes.size} nodes changed their meaning`);
  }

  #tellNotes() {
    const { size } = this.#notes;
    if (size > 0) this.#host.announce(`${byId('notes-text').textContent} since this job was saved.`);
  }

  #dismissNotes(id) {
    const { job } = this.#draft;
    this.#dismissed.set(job.id, new Set([...(this.#dismissed.get(job.id) ?? []), id]));
    this.#showNotes();
    this.#host.announce('Dismissed.');
  }

  /** Its place in the dock is shown: the rows of the node at hand, where none were asked for. */
  previewShown() {
    if (this.#draft === null || this.#preview.nodeId !== null) return;
    const id = this.#oneTarget();
    if (id === null) this.#preview.sayNone('Select a node: the first rows that it gives are shown here.');
    else this.openPreview(id);
  }

  /**
   * What can be done with {kind: 'node', id}, {kind: 'edge', edge} or {kind: 'ground'}, as MenuList takes it; `place`: where on the
   * sheet, or null. Selects it, if it is not. null: nothing is edited.
   */
  itemsFor(what, place) {
    if (this.#draft === null) return null;
    if (what.kind === 'node' && !this.#selection.nodes.has(what.id)) this.#selectOnly(what.id, { open: false });
    if (what.kind === 'edge') this.#intents().pickEdge(edgeKey(what.edge), { extend: false });
    if (what.kind === 'edge') return this.#itemsOfEdge(what.edge);
    return what.kind === 'node' ? this.#itemsOfNodes(what.id) : this.#itemsOfGround(place);
  }

  #itemsOfNodes(id) {
    const { graph } = this.#draft.model;
    const { nodes } = this.#selection;
    const what = nodes.size > 1 ? ` ${nodes.size} nodes` : '';
    const one = [
      { ...this.#item('open', 'Settings', 'pencil'), run: () => this.#selectOnly(id, { open: true }) },
      { ...this.#item('preview', 'Preview rows', 'table'), run: () => this.openPreview(id) },
    ];
    const type = this.#types.get(nodeOf(graph, id).type);
    if (type?.hasOutput !== false) {
      one.push({ ...this.#item('add', 'Add a node after it…', 'plus'), run: () => this.#offerAdd() });
      one.push({ ...this.#item('connect', 'Give its rows to…', 'link'), run: () => this.#offerTargets(id) });
    }
    const some = [
      { ...this.#item('duplicate', `Duplicate${what}`, 'copy'), run: () => this.#duplicate(nodes) },
      { ...this.#item('delete', `Delete${what}`, 'trash'), danger: true, run: () => this.#delete(nodes, this.#selection.edges) },
    ];
    return nodes.size > 1 ? some : [...one, ...some];
  }

  #itemsOfEdge(edge) {
    const suits = (type) => type.hasInput && type.hasOutput;
    return [
      { key: 'insert', label: 'Insert a node here…', icon: 'plus', run: () => this.#offerTypes('Insert a node', (type) => this.#add(type, this.#betweenEnds(edge), { into: edge }), suits) },
      { ...this.#item('delete', 'Delete the connection', 'trash'), danger: true, run: () => this.#delete(new Set(), new Set([edgeKey(edge)])) },
    ];
  }

  #itemsOfGround(place) {
    const { model } = this.#draft;
    const at = place === null ? null : { x: place.x - NODE.width / 2, y: place.y - 28 };
    const items = [{ ...this.#item('add', 'Add a node here…', 'plus'), run: () => this.#offerTypes('Add a node', (type) => this.#add(type, at)) }];
    if (model.undoLabel !== null) items.push({ ...this.#item('undo', `Undo: ${model.undoLabel}`, 'undo'), run: () => this.#undo() });
    if (model.redoLabel !== null) items.push({ ...this.#item('redo', `Redo: ${model.redoLabel}`, 'redo'), run: () => this.#redo() });
    if (model.graph.nodes.length > 0) items.push({ ...this.#item('selectAll', 'Select everything', 'move'), run: () => this.#commands.selectAll() }, { ...this.#item('tidy', 'Tidy up', 'tidy'), run: () => this.#tidy() });
    return items;
  }

  #item(command, label, name) {
    return { key: command, label, icon: name, hint: keyOf(command, IS_MAC) };
  }

  #betweenEnds({ from, to }) {
    const { graph } = this.#draft.model;
    const [a, b] = [nodeOf(graph, from).position, nodeOf(graph, to).position];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  #putAside() {
    if (this.#draft !== null && !this.#draft.model.isDirty) this.#drafts.delete(this.#draft.job.id);
    this.#draft = null;
    this.#selection = nothing();
    this.#opened = null;
    this.#checks.cancel();
    this.#columns.cancel();
    this.#told = null;
    this.#preview.close({ quiet: true });
    this.#form.show(null);
    this.showProblems([]);
    this.#showNotes();
  }

  // What an earlier page left of this draft is done again as one step, which undo takes back. It began with the job of
  // then, so a save asks when somebody saved another since.
  #restore(draft) {
    const kept = this.#kept.of(draft.job.id);
    if (kept === null) return null;
    if (JSON.stringify(kept.graph) === JSON.stringify(draft.model.graph)) {
      this.#kept.drop(draft.job.id);
      return null;
    }
    draft.model.do({ label: 'Restore the draft', apply: () => kept.graph }, Date.now());
    draft.job = { ...draft.job, etag: kept.etag };
    return kept;
  }

  #tellRestored({ keptAt, etag }, job) {
    const since = etag === job.etag ? '' : ' The job was saved by somebody else since.';
    const text = `Your unsaved draft of ${formatMoment(keptAt)} is restored.${since}`;
    this.#host.notice(text, 'plain', { label: 'Discard it', run: () => this.#discard() });
  }

  // What another tab has, or left behind when it was closed, is never taken unasked.
  #offerOther(draft) {
    const other = this.#kept.otherOf(draft.job.id);
    if (other === null || JSON.stringify(other.graph) === JSON.stringify(draft.model.graph)) return;
    const text = `There is an unsaved draft of this job from ${formatMoment(other.keptAt)}, of another tab or an earlier visit.`;
    this.#host.notice(text, 'plain', { label: 'Use it here', run: () => this.#useOther(draft, other) });
  }

  #useOther(draft, other) {
    if (draft !== this.#draft) return;
    draft.job = { ...draft.job, etag: other.etag };
    this.#do({ label: 'Use the other draft', apply: () => other.graph });
    this.#kept.dropOther(other);
    this.#host.announce('The other draft is here now.');
  }

  #onOtherTab(isOf) {
    const id = this.#draft?.job.id ?? null;
    if (id === null || this.#toldOthers.has(id) || !isOf(id)) return;
    this.#toldOthers.add(id);
    this.#host.notice('This job is being changed in another tab, too. Each tab keeps a draft of its own, and whoever saves second is asked first.');
  }

  #keep({ job, model }) {
    if (model.isDirty) this.#isKept = this.#kept.keep(job.id, { etag: job.etag, graph: model.graph });
    else this.#kept.drop(job.id);
  }

  // ---- columns

  #askColumns(how) {
    this.#pending = 0;
    if (this.#draft.model.graph.nodes.length > 0) this.#columns.ask(this.#draft.model.graph, how);
    else this.#onColumns(null);
  }

  #onColumns(told) {
    this.#told = told;
    this.showProblems(this.#checked);
    this.#graph.drawEdgeTitles((edge) => linesOf(columnsOfEdge(told, edge), whyUnread(told, edge.from)).join('\n'));
    this.#fillForm();
    if (!told?.pending || this.#pending >= MOST_PENDING) return;
    this.#pending += 1;
    const { graph } = this.#draft.model;
    setTimeout(() => graph === this.#draft?.model.graph && this.#columns.ask(graph), PENDING);
  }

  #knownOf(id) {
    const { graph } = this.#draft.model;
    return {
      entering: (port) => columnsEntering(this.#told, graph, this.#types, id, port),
      ofEdge: (edge) => columnsOfEdge(this.#told, edge),
      why: (source) => whyUnread(this.#told, source),
      tables: (connection) => this.#tables.get(tablesKey(connection, graph))?.tables ?? [],
    };
  }

  // Once somebody is about to name one. Without them, tables are typed.
  async #askTables(connection) {
    const { graph } = this.#draft.model;
    const key = tablesKey(connection, graph);
    const known = this.#tables.get(key);
    if (known !== undefined && performance.now() - known.at < TABLES_FRESH) return;
    this.#tables.set(key, { at: performance.now(), tables: known?.tables ?? [] });
    const { tables } = await this.#api.tables(connection, graph.runnerTag ?? null).catch(() => ({ tables: [] }));
    this.#tables.set(key, { at: performance.now(), tables });
    this.#fillForm();
  }

  async #valuesOf(id, expression) {
    const made = withExpression(this.#draft.model.graph, id, expression);
    if (made === null) throw new Error('No rows come to this node yet.');
    try {
      return valuesText(await this.#api.preview(made.graph, made.id));
    } catch (problem) {
      const [first] = problem.errors ?? [];
      throw first === undefined || first.nodeId === made.id ? new Error(first?.message ?? problem.message) : new Error(`${nameIn(made.graph, first.nodeId)}: ${first.message}`);
    }
  }

  #pickFunction(onPick) {
    const items = this.#functions.map((one) => ({ key: one.name, label: one.signature, hint: `${one.help} ${one.example} is ${one.gives}.`, icon: 'braces' }));
    this.#picker.open({ title: 'Functions', items, empty: 'The server tells no functions.', onPick: (key) => onPick(this.#functions.find(({ name }) => name === key)) });
  }

  async #check(graph, signal) {
    if (graph.nodes?.length === 0) return [];
    return this.#api.problemsOf({ graph }, signal);
  }

  // ---- changes

  /** Do a command; then `selected` are the nodes that it is about. */
  #do(command, selected = null) {
    if (this.#draft === null) return false;
    const { model } = this.#draft;
    const { graph } = model;
    const before = this.#selection;
    const after = selected === null ? before : { nodes: new Set(selected), edges: new Set() };
    const changed = model.do({ ...command, held: { before, after } }, Date.now());
    this.#selection = after;
    if (changed) this.#changed(graph);
    else this.#refresh();
    return changed;
  }

  // `before`: the graph that was changed.
  #changed(before) {
    const { graph } = this.#draft.model;
    const focused = this.#graph.focusedNode;
    const ids = new Set(graph.nodes.map((node) => node.id));
    const keys = new Set(graph.edges.map(edgeKey));
    this.#selection = { nodes: this.#selection.nodes.intersection(ids), edges: this.#selection.edges.intersection(keys) };
    if (this.#opened !== null && !ids.has(this.#opened)) this.#openForm(null);
    this.#keep(this.#draft);
    this.#refresh();
    if (focused !== null && !ids.has(focused)) this.#refocus(before, ids);
    this.#preview.age();
    this.#checks.ask(graph);
    this.#askColumns();
  }

  // The keys are about the node in focus before they are about the selection: where one works by keyboard, both are one.
  #focusSelection() {
    const { nodes } = this.#selection;
    const focused = this.#graph.focusedNode;
    const isOnGround = [document.body, byId('graph')].includes(document.activeElement);
    if (nodes.size > 0 && !nodes.has(focused) && (focused !== null || isOnGround)) this.#graph.focusNode([...nodes][0]);
  }

  // The node with the focus is gone: the keyboard goes on at what is selected, else at what fed it.
  #refocus(before, ids) {
    const [selected] = this.#selection.nodes;
    const gone = new Set(before.nodes.map((node) => node.id).filter((id) => !ids.has(id)));
    const next = selected ?? nextFocus(before, gone);
    if (next === null) byId('graph').focus();
    else this.#graph.focusNode(next);
  }

  #refresh() {
    const graph = this.#draft?.model.graph ?? null;
    if (graph !== null) this.#host.onDraft(graph);
    this.#graph.drawSelection(this.#selection);
    if (this.#draft !== null) this.showProblems(this.#checked);
    if (this.#opened !== null) this.#fillForm();
    this.#showNotes();
    this.#refreshTools();
  }

  #refreshTools() {
    const model = this.#draft?.model ?? null;
    this.#palette.enable(model !== null && this.#types.size > 0);
    for (const id of ['job-menu', 'add', 'tidy']) setHidden(byId(id), model === null);
    setHidden(byId('save'), model === null);
    setHidden(document.querySelector('[data-drawer="preview"]'), model === null);
    byId('save').disabled = !this.isDirty && !this.#hasNotes;
    byId('save').title = !this.isDirty && this.#hasNotes ? 'Save it as it is: its notes are then gone' : '';
    drawStep(byId('undo'), 'Undo', model?.undoLabel ?? null);
    drawStep(byId('redo'), 'Redo', model?.redoLabel ?? null);
    byId('unsaved').hidden = !this.isDirty;
    this.#host.unsaved(this.unsavedIds);
  }

  #undo() {
    this.#step((model) => model.undo(), 'Undone');
  }

  #redo() {
    this.#step((model) => model.redo(), 'Done again');
  }

  // With the graph comes back what was selected then; else what the step brought is, so that the next key is about it.
  #step(take, said) {
    if (this.#draft === null) return;
    const { model } = this.#draft;
    const before = model.graph;
    const label = take(model);
    if (label === null) return;
    const known = new Set(before.nodes.map((node) => node.id));
    const brought = model.graph.nodes.map((node) => node.id).filter((id) => !known.has(id));
    const held = model.held ?? nothing();
    this.#selection = held.nodes.size + held.edges.size > 0 ? held : { nodes: new Set(brought), edges: new Set() };
    this.#changed(before);
    const [first, ...others] = this.#selection.nodes;
    if (this.#opened !== null && first !== undefined && !this.#selection.nodes.has(this.#opened)) this.#openForm(others.length === 0 ? first : null);
    this.#focusSelection();
    this.#host.announce(`${said}: ${label}.`);
  }

  #add(type, place = null, { after = null, before = null, into = null, config = {}, label = type.label } = {}) {
    if (this.#draft === null) return;
    const { model } = this.#draft;
    const id = model.nextId(this.#host.takenIds());
    const name = freeName(label, new Set(model.graph.nodes.map((node) => node.name)));
    const position = freePlace(model.graph, place ?? this.#placeFor(after?.id ?? null), ROOM);
    const node = { id, type: type.name, name, config: { ...startingConfig(type), ...config }, position };
    const apply = (graph) => {
      let next = addNode(graph, node);
      if (into !== null && type.hasInput && type.hasOutput) {
        next = without(next, new Set(), new Set([edgeKey(into)]));
        const { from, fromPort, to } = into;
        const [first] = inputsOf(this.#types.get(nodeOf(next, to)?.type), nodeOf(next, to)?.config);
        return this.#linked(this.#linked(next, { from, fromPort, to: id }), { from: id, to, toPort: into.toPort ?? first?.name });
      }
      if (after !== null) next = this.#linked(next, { from: after.id, fromPort: after.port, to: id });
      if (before !== null) next = this.#linked(next, { from: id, to: before.id, toPort: before.port });
      return next;
    };
    this.#do({ label: `Add ${name}`, apply }, [id]);
    this.#fresh = id;
    this.#openForm(id);
    this.#graph.reveal(id);
    this.#host.announce(`Added ${name}.`);
    requestAnimationFrame(() => this.#form.focusName());
  }

  // With the edge, where there can be one.
  #linked(graph, edge) {
    return whyNoEdge(graph, this.#types, edge) === null ? connected(graph, completed(graph, this.#types, edge)) : graph;
  }

  #placeFor(after) {
    const before = after === null ? undefined : nodeOf(this.#draft.model.graph, after);
    if (before !== undefined) return { x: before.position.x + AFTER, y: before.position.y };
    const { x, y } = this.#graph.middle;
    return { x: x - NODE.width / 2, y: y - NODE.height / 2 };
  }

  #drop(type, clientX, clientY, config = {}) {
    const point = this.#graph.sheetPoint(clientX, clientY);
    if (point === null) return;
    const into = this.#graph.edgeAt(clientX, clientY);
    this.#add(type, { x: point.x - NODE.width / 2, y: point.y - 28 }, { into, config });
  }

  /** A node of the type with this name where the pointer is, with these settings. */
  dropNode(typeName, config, clientX, clientY) {
    this.#drop(this.#types.get(typeName), clientX, clientY, config);
  }

  #connect(edge) {
    const { graph } = this.#draft.model;
    const why = whyNoEdge(graph, this.#types, edge);
    if (why !== null) return this.#host.notice(why);
    const [from, to] = this.#endNames(completed(graph, this.#types, edge));
    this.#do({ label: `Connect ${from} to ${to}`, apply: (now) => connected(now, completed(now, this.#types, edge)) });
    return this.#host.announce(`Connected ${from} to ${to}.`);
  }

  #disconnect(edge) {
    const [from, to] = this.#endNames(edge);
    const label = `Disconnect ${from} from ${to}`;
    this.#do({ label, apply: (now) => without(now, new Set(), new Set([edgeKey(edge)])) });
    this.#host.announce(`${label}.`);
  }

  // What people call the ends of an edge: Split (large), Join (left).
  #endNames({ from, to, fromPort, toPort }) {
    const { graph } = this.#draft.model;
    return [withPort(nameIn(graph, from), fromPort), withPort(nameIn(graph, to), toPort)];
  }

  #delete(nodes, edges) {
    if (nodes.size + edges.size === 0) return;
    const { graph } = this.#draft.model;
    const label = `Delete ${partsText(graph, nodes, edges)}`;
    const next = nextFocus(graph, nodes);
    this.#do({ label, apply: (now) => without(now, nodes, edges) }, []);
    this.#host.announce(`${label}.`);
    if (next === null) byId('graph').focus();
    else this.#graph.focusNode(next);
  }

  #move(ids, dx, dy, merge = null) {
    if (ids.size === 0) return;
    const label = `Move ${partsText(this.#draft.model.graph, ids, new Set())}`;
    this.#do({ label, apply: (graph) => moved(graph, ids, dx, dy), merge });
  }

  #tidy() {
    if (this.#draft === null) return;
    const bare = (graph) => ({ ...graph, nodes: graph.nodes.map((node) => ({ ...node, position: undefined })) });
    this.#do({ label: 'Tidy up', apply: (graph) => placed(graph, layOut(bare(graph), 'right').positions) });
    this.#graph.fit();
  }

  #arrangeByHand() {
    const button = byId('by-hand');
    const byHand = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(byHand));
    this.#graph.arrangeByHand(byHand);
    this.#host.announce(byHand ? 'Nodes can be moved.' : 'From top to bottom.');
  }

  #duplicate(ids) {
    this.#insert(fragmentOf(this.#draft.model.graph, ids), { x: 32, y: 32 }, 'Duplicate');
  }

  #insert(fragment, offset, verb) {
    if (fragment.nodes.length === 0) return;
    const { model } = this.#draft;
    const { graph, ids } = withFragment(model.graph, fragment, model.nextId(this.#host.takenIds()), offset);
    const label = `${verb} ${partsText(graph, new Set(ids), new Set())}`;
    this.#openForm(null);
    this.#do({ label, apply: () => graph }, ids);
    this.#graph.focusNode(ids[0]);
    this.#graph.reveal(ids[0]);
    this.#host.announce(`${label}.`);
  }

  // ---- selection

  #selectOnly(id, { open }) {
    this.#selection = { nodes: new Set([id]), edges: new Set() };
    this.#graph.drawSelection(this.#selection);
    if (open || this.#opened !== null) this.#openForm(id);
  }

  #selectNodes(ids) {
    this.#selection = { nodes: new Set(ids), edges: new Set() };
    this.#graph.drawSelection(this.#selection);
    if (this.#opened !== null && !(ids.size === 1 && ids.has(this.#opened))) this.#openForm(null);
  }

  #toggle(id) {
    this.#selectNodes(this.#selection.nodes.symmetricDifference(new Set([id])));
    const name = nameIn(this.#draft.model.graph, id);
    this.#host.announce(this.#selection.nodes.has(id) ? `${name} selected, ${this.#selection.nodes.size} in all.` : `${name} not selected any more.`);
  }

  #clearSelection() {
    this.#selection = nothing();
    this.#graph.drawSelection(this.#selection);
    this.#openForm(null);
  }

  /** What a command is about: the selection; or the node in focus, when that is not in it. */
  #targets() {
    const focused = this.#graph.focusedNode;
    if (focused !== null && !this.#selection.nodes.has(focused)) return { nodes: new Set([focused]), edges: new Set() };
    return this.#selection;
  }

  #oneTarget() {
    const { nodes } = this.#targets();
    return this.#graph.focusedNode ?? (nodes.size === 1 ? [...nodes][0] : null);
  }

  #openForm(id) {
    if (id !== this.#fresh && this.#fresh !== null) {
      this.#fresh = null;
      this.showProblems(this.#checked);
    }
    if (id !== this.#opened) {
      this.#opened = id;
      this.#host.onChosen(id);
    }
    this.#fillForm();
  }

  #fillForm() {
    if (this.#draft === null) return;
    const { graph } = this.#draft.model;
    this.#form.show(this.#opened, { graph, types: this.#types, known: knownTexts(graph, this.#types), words: this.#words(), columns: this.#knownOf(this.#opened) });
    this.#form.drawErrors(this.#problems.filter((problem) => problem.nodeId === this.#opened), this.#fresh === this.#opened);
    this.#form.drawNotes(this.#notes.get(this.#opened) ?? []);
  }

  // ---- who tells us what

  #intents() {
    return {
      pick: (id, { extend }) => (extend ? this.#toggle(id) : this.#selectOnly(id, { open: true })),
      pickEdge: (key, { extend }) => {
        const edges = extend ? this.#selection.edges.symmetricDifference(new Set([key])) : new Set([key]);
        this.#openForm(null);
        this.#selection = { nodes: extend ? this.#selection.nodes : new Set(), edges };
        this.#graph.drawSelection(this.#selection);
        byId('graph').focus({ preventScroll: true });
      },
      pickGround: () => this.#clearSelection(),
      hold: (id, { extend }) => {
        if (!this.#selection.nodes.has(id)) {
          if (extend) this.#selectNodes(new Set([...this.#selection.nodes, id]));
          else this.#selectOnly(id, { open: false });
        }
        return this.#selection.nodes;
      },
      moveBy: (dx, dy) => this.#move(this.#selection.nodes, dx, dy),
      connect: (edge) => this.#connect(edge),
      connectToNothing: (id, port, point) => this.#offerAt(id, port, point),
      allows: (edge) => whyNoEdge(this.#draft.model.graph, this.#types, edge) === null,
      mark: (ids, { extend }) => {
        if (this.#marked === null) {
          this.#marked = extend ? this.#selection.nodes : new Set();
          window.addEventListener('pointerup', () => (this.#marked = null), { once: true });
        }
        this.#selectNodes(new Set([...this.#marked, ...ids]));
      },
    };
  }

  #words() {
    const { graph } = this.#draft.model;
    const known = columnsEntering(this.#told, graph, this.#types, this.#opened);
    const names = (known?.columns ?? []).map(({ name }) => name);
    const others = known?.all === true && known.more === 0 ? [] : columnsBefore(graph, this.#types, this.#opened, this.#seen.get(this.#draft));
    return {
      functions: this.#functions,
      parameters: parametersOf(graph).map(({ name }) => name),
      columns: [...new Set([...names, ...others])],
      types: new Map((known?.columns ?? []).map(({ name, type }) => [name, type ?? 'column'])),
    };
  }

  #formSays() {
    return {
      rename: (id, name) => this.#do({ label: 'Rename a node', apply: (graph) => renamed(graph, id, name), merge: `name ${id}` }),
      configure: (id, field, value) => this.#configure(id, field, value),
      choose: (id, values) => {
        const apply = (graph) => Object.entries(values).reduce((now, [field, value]) => configured(now, id, field, value), graph);
        this.#do({ label: `Change ${nameIn(this.#draft.model.graph, id)}`, apply });
      },
      disconnect: (edge) => this.#disconnect(edge),
      connect: (id) => this.#offerTargets(id),
      preview: (id) => this.openPreview(id),
      duplicate: (id) => this.#duplicate(new Set([id])),
      remove: (id) => this.#delete(new Set([id]), new Set()),
      select: (id) => this.select(id),
      announce: (text) => this.#host.announce(text),
      dismissNotes: (id) => this.#dismissNotes(id),
      findTypes: (id, field) => this.#findTypes(id, field),
      pickFunction: (onPick) => this.#pickFunction(onPick),
      valuesOf: (id, expression) => this.#valuesOf(id, expression),
      askTables: (connection) => void this.#askTables(connection),
      browse: (id, path) => this.#host.browse(path, !this.#types.get(nodeOf(this.#draft.model.graph, id).type).hasOutput),
    };
  }

  #configure(id, field, value) {
    const { graph } = this.#draft.model;
    const node = nodeOf(graph, id);
    const label = this.#types.get(node.type)?.fields.find(({ name }) => name === field)?.label ?? field;
    this.#do({ label: `Change ${label} of ${node.name}`, apply: (now) => this.#withPorts(now, configured(now, id, field, value), id), merge: `${field} ${id}` });
  }

  // The edges of a port that a setting names follow its new name.
  #withPorts(before, after, id) {
    const portsIn = (graph, ports) => ports(this.#types.get(nodeOf(graph, id).type), nodeOf(graph, id).config);
    const renamed = (graph, side, ports) => withRenamedPort(graph, id, side, portsIn(before, ports), portsIn(after, ports));
    return renamed(renamed(after, 'out', outputsOf), 'in', inputsOf);
  }

  #jobHost() {
    const host = this.#host;
    return {
      draft: () => this.document,
      isDirty: () => this.isDirty,
      names: () => host.jobs().map(({ name }) => name),
      show: (jobId) => host.show(jobId),
      renamed: async (job, before) => {
        const draft = this.#drafts.get(job.id);
        if (draft !== undefined && draft.job.updatedAt === before.updatedAt) draft.job = job;
        else if (draft !== undefined) draft.job = { ...draft.job, name: job.name };
        await host.saved(job);
      },
      gone: (jobId) => {
        this.forget(jobId);
        return host.gone(jobId);
      },
      discard: () => this.#discard(),
      editAsJson: () => host.editAsJson(),
      declareParameters: () => this.#declareParameters(),
      setRetries: () => this.#setRetries(),
      setTag: () => this.#setTag(),
      setKept: () => this.#setKept(),
      attempt: (work) => host.attempt(work),
      say: (text, tone) => host.notice(text, tone),
    };
  }

  #declareParameters() {
    const draft = this.#draft;
    this.#parameters.open(parametersOf(draft.model.graph), {
      check: (parameters) => this.#wrongWith('parameters', parameters),
      onDone: (parameters) => this.#put(draft, 'parameters', parameters.length === 0 ? null : parameters),
    });
  }

  #setRetries() {
    const draft = this.#draft;
    this.#retries.open(draft.model.graph.retries ?? null, {
      check: (retries) => this.#wrongWith('retries', retries),
      onDone: (retries) => this.#put(draft, 'retries', retries),
    });
  }

  #setKept() {
    const draft = this.#draft;
    this.#keepOutputs.open(draft.model.graph.keepOutputs ?? null, {
      check: (isKept) => this.#wrongWith('keepOutputs', isKept),
      onDone: (isKept) => this.#put(draft, 'keepOutputs', isKept, 'keeping of outputs'),
    });
  }

  #setTag() {
    const draft = this.#draft;
    this.#tag.open(draft.model.graph.runnerTag ?? null, {
      check: (tag) => this.#wrongWith('runnerTag', tag),
      onDone: (tag) => this.#put(draft, 'runnerTag', tag, 'tag of its runners'),
    });
  }

  // A member of the graph that is none of its nodes and edges; null takes it away.
  #put(draft, member, value, word = member) {
    if (draft !== this.#draft) return;
    const apply = ({ [member]: before, ...graph }) => (value === null ? graph : { ...graph, [member]: value });
    this.#do({ label: `Change the ${word}`, apply });
    this.#host.announce(`Changed the ${word}.`);
  }

  // Asked of the server, which alone knows what it takes; it is asked again when the graph is checked.
  async #wrongWith(member, value) {
    let errors = [];
    await this.#host.attempt(async () => {
      errors = await this.#api.problemsOf({ graph: { nodes: [], edges: [], [member]: value } });
    });
    return errors.filter(({ field }) => field === member).map(({ message }) => message);
  }

  #discard() {
    const { id } = this.#draft.job;
    this.forget(id);
    this.#host.show(id);
  }

  // ---- offers

  #offerTypes(title, onPick, suits = () => true) {
    const types = [...this.#types.values()].filter(suits);
    const items = types.map((type) => ({ key: type.name, label: type.label, hint: type.help, icon: iconOf(type.name, type) }));
    this.#picker.open({ title, items, empty: 'There is no node type that fits.', onPick: (key) => onPick(this.#types.get(key)) });
  }

  #offerAdd() {
    if (this.#draft === null) return;
    const after = this.#oneTarget();
    const source = after === null ? undefined : nodeOf(this.#draft.model.graph, after);
    const follows = source !== undefined && this.#types.get(source.type)?.hasOutput !== false;
    if (follows) this.#offerTypes(`Add after ${source.name}`, (type) => this.#add(type, null, { after: { id: after } }), (type) => type.hasInput);
    else this.#offerTypes('Add a node', (type) => this.#add(type));
  }

  #offerAt(id, port, { x, y }) {
    const name = nameIn(this.#draft.model.graph, id);
    const end = { id, port: port.name === '' ? undefined : port.name };
    if (port.side === 'out') this.#offerTypes(`Give the rows of ${name} to`, (type) => this.#add(type, { x, y: y - 28 }, { after: end }), (type) => type.hasInput);
    else this.#offerTypes(`Feed ${name} from`, (type) => this.#add(type, { x: x - NODE.width, y: y - 28 }, { before: end }), (type) => type.hasOutput);
  }

  #offerTargets(id) {
    const { graph } = this.#draft.model;
    const source = nodeOf(graph, id);
    const outputs = outputsOf(this.#types.get(source.type), source.config);
    const offers = (some) => graph.nodes.flatMap((node) => some.flatMap((output) => inputsOf(this.#types.get(node.type), node.config).map((input) => ({ node, output, input }))));
    const offered = [...offers(outputs.filter((output) => output !== REJECTED)), ...offers(outputs.filter((output) => output === REJECTED))];
    const edges = offered.map(({ node, output, input }) => ({ node, edge: { from: id, to: node.id, fromPort: output.name, toPort: input.name }, via: output.name }));
    const free = edges.filter(({ edge }) => whyNoEdge(graph, this.#types, edge) === null);
    const items = free.map(({ node, edge, via }, place) => {
      const type = this.#types.get(node.type);
      const hint = `${via === '' ? '' : `rows of ${via} · `}${type?.label ?? node.type}`;
      return { key: via === '' && edge.toPort === '' ? String(node.id) : `${node.id}.${place}`, label: withPort(node.name, edge.toPort), hint, icon: iconOf(node.type, type), edge };
    });
    const empty = this.#types.get(nodeOf(graph, id).type)?.hasOutput === false ? `${nameIn(graph, id)} gives no rows.` : 'There is no node that could take its rows.';
    this.#picker.open({ title: `Give the rows of ${nameIn(graph, id)} to`, items, empty, onPick: (key) => this.#connect(items.find((item) => item.key === key).edge) });
  }

  /** Show rows of a node in the dock; `other`: {title, load, draw} of other ones than the first that it gives. */
  openPreview(id, other) {
    if (this.#draft === null || id === null) return;
    if (innerWidth <= SHEET) this.#openForm(null); // else it would be under the form
    this.#preview.open(id, nameIn(this.#draft.model.graph, id), other);
  }

  async #previewOf(id) {
    const draft = this.#draft;
    const { graph } = draft.model;
    const preview = await this.#asked(graph, id, () => this.#api.preview(graph, id));
    this.#seen.set(draft, new Map(this.#seen.get(draft)).set(id, preview.columns));
    if (draft === this.#draft) this.#fillForm();
    return preview;
  }

  /** Has the types of a file's columns found and proposed in the node's form; what was found, as a text. */
  async #findTypes(id, field) {
    const draft = this.#draft;
    const { graph } = draft.model;
    const isWanted = () => draft === this.#draft && nodeOf(draft.model.graph, id) !== undefined;
    const found = await patiently(() => this.#asked(graph, id, () => this.#api.findTypes(graph, id)), { isWanted });
    if (!isWanted()) return '';
    const node = nodeOf(draft.model.graph, id);
    if (!isSameFile(nodeOf(graph, id).config, node.config)) throw new Error('Its settings were changed meanwhile. Find its types again.');
    const proposed = withFound(node.config, found);
    const config = typed(node.config, field, proposed.types);
    this.#do({ label: `Find the types of ${node.name}`, apply: (now) => (JSON.stringify(config) === JSON.stringify(node.config) ? now : configuredAs(now, id, config)) });
    this.#host.announce(foundText(proposed));
    return foundText(proposed);
  }

  // An error of another node on the way says whose it is.
  async #asked(graph, id, ask) {
    try {
      return await ask();
    } catch (problem) {
      this.#showFound(graph, problem.errors ?? []);
      const told = (problem.errors ?? []).map(({ nodeId, message }) => (nodeId === null || nodeId === id ? message : `${nameIn(graph, nodeId)}: ${message}`));
      throw told.length === 0 ? problem : new Error(told.join('\n'));
    }
  }

  // What only a program finds wrong with a field stands beside it, too, until the graph is changed and looked at anew.
  #showFound(graph, errors) {
    const isKnown = ({ nodeId, message }) => this.#problems.some((one) => one.nodeId === nodeId && one.message === message);
    const found = errors.filter((error) => (error.field ?? null) !== null && error.nodeId !== null && !isKnown(error));
    if (found.length > 0 && graph === this.#draft?.model.graph) this.showProblems([...this.#checked, ...found]);
  }

  // ---- buttons, keys, clipboard

  #wireButtons() {
    const actions = {
      undo: () => this.#undo(),
      redo: () => this.#redo(),
      'zoom-out': () => this.#graph.zoomBy(1 / 1.2),
      'zoom-in': () => this.#graph.zoomBy(1.2),
      fit: () => this.#graph.fit(),
      tidy: () => this.#tidy(),
      'by-hand': () => this.#arrangeByHand(),
      add: () => this.#offerAdd(),
      'canvas-add': () => this.#offerAdd(),
      keys: () => openHelp(),
      save: () => this.save({ asItIs: true }),
      problems: () => this.#showNextProblem(),
      notes: () => this.#showNext([...this.#notes.keys()]),
    };
    for (const [id, run] of Object.entries(actions)) byId(id).addEventListener('click', run);
    for (const button of document.querySelectorAll('[data-closes]')) button.addEventListener('click', () => byId(button.dataset.closes).close());
  }

  #showNextProblem() {
    const ids = [...new Set(this.#problems.map(({ nodeId }) => nodeId))].filter((id) => id !== null && nodeOf(this.#draft.model.graph, id) !== undefined);
    if (ids.length === 0) return this.#host.notice(this.#problems.map(({ message }) => message).join('\n'), 'error');
    return this.#showNext(ids);
  }

  #showNext(ids) {
    if (ids.length > 0) this.select(ids[(ids.indexOf(this.#opened) + 1) % ids.length]);
  }

  #wireKeys() {
    document.addEventListener('keydown', (event) => this.#onKey(event), { capture: true });
    document.addEventListener('pointermove', ({ clientX, clientY }) => (this.#pointer = { clientX, clientY }), { passive: true });
    document.addEventListener('copy', (event) => this.#onCopy(event));
    document.addEventListener('cut', (event) => this.#onCopy(event, { cut: true }));
    document.addEventListener('paste', (event) => this.#onPaste(event));
    // Space is taken for selecting; a button would be pressed when it comes up
    byId('nodes').addEventListener('keyup', (event) => event.key === ' ' && event.preventDefault());
  }

  #onKey(event) {
    if (event.defaultPrevented || document.querySelector('dialog[open]') !== null) return;
    const everywhere = commandOf(event, KEYS_EVERYWHERE);
    const isInField = event.target.closest('input, textarea, select') !== null;
    if (everywhere !== null && !(isInField && everywhere.inFields === false)) return this.#run(everywhere.command, event);
    if (isInField || this.#draft === null) return undefined;
    const entry = commandOf(event, KEYS);
    if (entry === null || entry.native === true) return undefined;
    if (['undo', 'redo'].includes(entry.command) || this.#graph.hasFocus) return this.#run(entry.command, event);
    return undefined;
  }

  #run(command, event) {
    const done = this.#commands[command]?.(event);
    if (done === false) return;
    event.preventDefault();
  }

  // each may return false: the key keeps its own meaning
  #commands = {
    save: () => void this.save({ asItIs: true }),
    rename: () => this.#tools.startRename(),
    help: () => openHelp(),
    find: () => this.#host.find(),
    add: () => this.#offerAdd(),
    connect: () => {
      const id = this.#oneTarget();
      return id === null ? false : this.#offerTargets(id);
    },
    toggle: () => {
      const id = this.#graph.focusedNode;
      return id === null ? false : this.#toggle(id);
    },
    selectAll: () => {
      const { graph } = this.#draft.model;
      this.#selectNodes(new Set(graph.nodes.map((node) => node.id)));
      this.#host.announce(`${graph.nodes.length} nodes selected.`);
    },
    left: (event) => this.#arrow('left', event),
    right: (event) => this.#arrow('right', event),
    up: (event) => this.#arrow('up', event),
    down: (event) => this.#arrow('down', event),
    delete: () => {
      const { nodes, edges } = this.#targets();
      this.#delete(nodes, edges);
    },
    undo: () => this.#undo(),
    redo: () => this.#redo(),
    duplicate: () => this.#duplicate(this.#targets().nodes),
    preview: () => {
      const id = this.#oneTarget();
      return id === null ? false : this.openPreview(id);
    },
    tidy: () => this.#tidy(),
    zoomIn: () => this.#graph.zoomBy(1.2),
    zoomOut: () => this.#graph.zoomBy(1 / 1.2),
    fit: () => this.#graph.fit(),
    escape: () => {
      if (this.#host.isDetailsOpen()) return false; // it closes itself
      this.#clearSelection();
      return undefined;
    },
  };

  #arrow(direction, event) {
    if (event.target.closest('.canvas-tools, .canvas-note') !== null) return false;
    const [dx, dy] = STEPS[direction];
    const { nodes } = this.#targets();
    const far = event.shiftKey;
    if (nodes.size === 0 || !this.#graph.showsPositions) return this.#graph.panBy(-dx * LOOK * (far ? 4 : 1), -dy * LOOK * (far ? 4 : 1));
    const step = far ? NUDGE_FAR : NUDGE;
    this.#move(nodes, dx * step, dy * step, `nudge ${[...nodes].join(' ')}`);
    this.#tellMoved(nodes, dx * step, dy * step);
    const [first] = nodes;
    this.#graph.reveal(this.#graph.focusedNode ?? first);
    return undefined;
  }

  // Once the keys are quiet: how far it went is told, each press is not.
  #tellMoved(nodes, dx, dy) {
    const what = partsText(this.#draft.model.graph, nodes, new Set());
    const far = this.#nudged?.what === what ? this.#nudged : { x: 0, y: 0 };
    clearTimeout(this.#nudged?.timer);
    const tell = () => {
      const { x, y } = this.#nudged;
      this.#nudged = null;
      this.#host.announce(`Moved ${what}${x === 0 && y === 0 ? ' back' : farText(x, y)}.`);
    };
    this.#nudged = { what, x: far.x + dx, y: far.y + dy, timer: setTimeout(tell, TOLD_AFTER) };
  }

  #takesClipboard(event) {
    const isElsewhere = event.target.closest?.('input, textarea, select, dialog') ?? null;
    return this.#draft !== null && isElsewhere === null && document.querySelector('dialog[open]') === null && this.#graph.hasFocus;
  }

  #onCopy(event, { cut = false } = {}) {
    const { nodes } = this.#targets();
    if (!this.#takesClipboard(event) || nodes.size === 0 || getSelection().toString() !== '') return;
    const { graph } = this.#draft.model;
    event.clipboardData.setData('text/plain', asClipboardText(fragmentOf(graph, nodes)));
    event.preventDefault();
    this.#pasted = 0;
    if (cut) this.#delete(nodes, new Set());
    else this.#host.announce(`Copied ${partsText(graph, nodes, new Set())}.`);
  }

  #onPaste(event) {
    if (!this.#takesClipboard(event)) return;
    const fragment = fromClipboardText(event.clipboardData.getData('text/plain'));
    if (fragment === null) return;
    event.preventDefault();
    this.#pasted += 1;
    this.#insert(fragment, this.#pasteOffset(fragment), 'Paste');
  }

  // Where the pointer is, when it is over the canvas; else beside the originals.
  #pasteOffset({ nodes }) {
    const point = this.#graph.sheetPoint(this.#pointer.clientX, this.#pointer.clientY);
    if (point === null || this.#pasted > 1) return { x: 32 * this.#pasted, y: 32 * this.#pasted };
    const [left, top] = [Math.min(...nodes.map(({ position }) => position.x)), Math.min(...nodes.map(({ position }) => position.y))];
    return { x: Math.round((point.x - left) / GRID) * GRID, y: Math.round((point.y - top) / GRID) * GRID };
  }
}

function nothing() {
  return { nodes: new Set(), edges: new Set() };
}

// A graph says by which engine's meanings it was written; null or undefined: it does not say.
function writtenFor(graph, engine) {
  return (engine ?? null) === null ? graph : { ...graph, engine };
}

// Each node has a place: its own where all have one, spread so that no two cards touch; else laid out. Which engine it was
// written for is the stored job's to say, and no part of the draft.
function standingGraph({ engine, ...graph }) {
  return placed({ ...graph, edges: graph.edges ?? [] }, layOut({ nodes: graph.nodes, edges: graph.edges ?? [] }, 'right').positions);
}

function withPort(name, port) {
  return (port ?? '') === '' ? name : `${name} (${port})`;
}

function nameIn(graph, id) {
  return nodeOf(graph, id)?.name ?? `node ${id}`;
}

// { x: 16, y: -8 } → " 16 right, 8 up"
function farText(x, y) {
  const parts = [x > 0 ? `${x} right` : x < 0 ? `${-x} left` : '', y > 0 ? `${y} down` : y < 0 ? `${-y} up` : ''];
  return ` ${parts.filter((part) => part !== '').join(', ')}`;
}

function partsText(graph, nodes, edges) {
  if (nodes.size === 1) return nameIn(graph, [...nodes][0]);
  if (nodes.size > 1) return `${nodes.size} nodes`;
  return edges.size === 1 ? 'a connection' : `${edges.size} connections`;
}

// Where the keyboard goes when these are gone: to what fed them, else to any other.
function nextFocus(graph, gone) {
  const feeder = graph.edges.find(({ from, to }) => gone.has(to) && !gone.has(from));
  return feeder?.from ?? graph.nodes.find((node) => !gone.has(node.id))?.id ?? null;
}

// What the other nodes have in fields of a kind, to choose from.
function knownTexts(graph, types) {
  const known = {};
  for (const { type, config } of graph.nodes) {
    for (const { name, kind } of types.get(type)?.fields ?? []) {
      if (typeof config?.[name] === 'string') (known[kind] ??= new Set()).add(config[name]);
    }
  }
  return Object.fromEntries(Object.entries(known).map(([kind, texts]) => [kind, [...texts]]));
}

function drawStep(button, verb, label) {
  button.disabled = label === null;
  button.title = label === null ? verb : `${verb}: ${label}`;
  button.setAttribute('aria-label', button.title);
}

/** What tables are kept by: runners with another tag may see another database under the same name. */
function tablesKey(connection, { runnerTag = null }) {
  return JSON.stringify([connection, runnerTag]);
}
