/**
 * The editor of the job at hand: introduces its parts to each other, and is the one way by which a draft changes. Who owns what:
 *
 *   drafts.js        the draft at hand, those put aside, those of other tabs
 *   turns.js         what is being written of jobs
 *   vocabulary.js    node types, functions
 *   selection.js     what is selected            opened-node.js   whose form is open
 *   problems.js      what is wrong               notes.js         what changed its meaning
 *   known-columns.js what is known of the rows   previews.js      the first rows
 *   graph-commands.js, job-settings.js           what a person can do to a job
 *   offers.js, graph-menu.js, graph-keys.js, graph-clipboard.js, toolbar.js, palette-view.js: by which hand
 *
 * Test hooks: `#unsaved`, and those of the parts.
 */

import { nodeOf, whyNoEdge } from '../model/graphs.js';
import { edgeKey } from '../model/ports.js';
import { byId } from '../parts/dom.js';
import { formatMoment } from '../parts/texts/text.js';
import { KnownColumns } from './form/known-columns.js';
import { GraphClipboard } from './graph/graph-clipboard.js';
import { GraphCommands, nextFocus } from './graph/graph-commands.js';
import { GraphKeys } from './graph/graph-keys.js';
import { GraphMenu } from './graph/graph-menu.js';
import { Offers } from './graph/offers.js';
import { OpenedNode } from './graph/opened-node.js';
import { PaletteView } from './graph/palette-view.js';
import { Selection } from './graph/selection.js';
import { Toolbar } from './graph/toolbar.js';
import { Notes } from './notes.js';
import { Previews } from './preview/previews.js';
import { Problems } from './problems.js';
import { Drafts, standingGraph, writtenFor } from './saving/drafts.js';
import { JobTools } from './saving/job-tools.js';
import { saveOver } from './saving/saving.js';
import { Turns } from './saving/turns.js';
import { JobSettings } from './settings/job-settings.js';
import { Vocabulary } from './vocabulary.js';

export class Editor {
  #api;
  #graph;
  #page;
  #tells; // {onDraft, onSaved, onGone, onUnsaved}

  #vocabulary = new Vocabulary();
  #drafts;
  #columns;
  #problems;
  #notes;
  #opened;
  #selection;
  #commands;
  #offers;
  #previews;
  #settings;
  #menu;
  #palette;
  #toolbar;
  #tools;
  #turns = new Turns();
  #lookedAt = null; // {name, graph} of a job that is shown and not edited

  /**
   * `page`: see ../page.js. `onDraft(graph)`: this is the draft now; `onChosen(nodeId | null)`: its form is open; `onSaved(job)`, `onGone(jobId)`: of
   * the server; `onUnsaved(jobIds)`: jobs with changes; `takenIds()`: ids that no new node may have;
   * `keptRun()`: id of the run shown, where it kept what its nodes gave, or null.
   */
  constructor({ api, graph, page, onDraft, onChosen, onSaved, onGone, onUnsaved, takenIds, keptRun }) {
    this.#api = api;
    this.#graph = graph;
    this.#page = page;
    this.#tells = { onDraft, onSaved, onGone, onUnsaved };
    const change = (command, selected) => this.#do(command, selected);
    this.#drafts = new Drafts({
      page,
      takenIds,
      onUseOther: (taken) => this.#do({ label: 'Use the other draft', apply: () => taken }),
      onDiscard: () => this.#discard(),
    });
    const shared = { api, graph, page, change, drafts: this.#drafts, vocabulary: this.#vocabulary };
    this.#makeWhatIsKnown(shared, onChosen);
    this.#makeWhatIsDone({ ...shared, keptRun });
    this.#makeHands(shared);
    graph.edit(this.#intents());
  }

  #makeWhatIsKnown(shared, onChosen) {
    this.#columns = new KnownColumns({ ...shared, onTold: () => this.#onColumns() });
    this.#problems = new Problems({
      ...shared,
      ofColumns: () => this.#columns.problems,
      freshId: () => this.#opened.freshId,
      onDrawn: () => this.#opened.drawErrors(),
    });
    this.#notes = new Notes({ ...shared, onDrawn: () => this.#opened.drawNotes() });
    this.#opened = new OpenedNode({ ...shared, columns: this.#columns, problems: this.#problems, notes: this.#notes, says: this.#formSays(), onChosen });
    this.#selection = new Selection({ ...shared, opened: this.#opened });
  }

  #makeWhatIsDone(shared) {
    const parts = { ...shared, selection: this.#selection, opened: this.#opened, columns: this.#columns, problems: this.#problems };
    this.#commands = new GraphCommands(parts);
    this.#offers = new Offers({ ...parts, commands: this.#commands });
    this.#previews = new Previews({ ...parts, dock: shared.page.dock });
    this.#settings = new JobSettings(shared);
    this.#tools = new JobTools(shared.api, this.#jobHost());
  }

  #makeHands(shared) {
    const parts = { ...shared, selection: this.#selection, commands: this.#commands, offers: this.#offers, previews: this.#previews, notes: this.#notes };
    const [undo, redo] = [() => this.#undo(), () => this.#redo()];
    const save = () => this.save({ asItIs: true });
    this.#palette = new PaletteView({ onAdd: (type) => this.#commands.add(type), onDrop: (type, x, y) => this.#commands.drop(type, x, y) });
    this.#menu = new GraphMenu({ ...parts, steps: { undo, redo } });
    this.#toolbar = new Toolbar({
      ...parts,
      palette: this.#palette,
      does: {
        undo,
        redo,
        save,
        tidy: () => this.#commands.tidy(),
        add: () => this.#offers.add(),
        problems: () => this.#showNextProblem(),
        notes: () => this.#showNext([...this.#notes.byNode.keys()]),
      },
    });
    new GraphKeys({ ...parts, asked: { undo, redo, save, rename: () => this.#tools.startRename() } });
    new GraphClipboard(parts);
  }

  // ---- the job at hand

  /** Node types come from the server, once; without them nothing can be edited. */
  async loadTypes() {
    if (this.#vocabulary.types.size > 0) return;
    this.#palette.show(await this.#vocabulary.load(this.#api));
    this.#graph.useTypes(this.#vocabulary.types);
    this.#offers.refresh();
    this.#refresh();
  }

  /** What expressions may call, which is completed in them. */
  async loadFunctions() {
    if (this.#vocabulary.functions.length > 0) return;
    await this.#vocabulary.loadFunctions(this.#api);
    this.#offers.refresh();
    this.#opened.fill();
  }

  /** Node types by their names; none before `loadTypes`. */
  get types() {
    return this.#vocabulary.types;
  }

  /** Edit this job ({id, name, graph, updatedAt, etag}), with the changes made to it earlier; null: there is none. */
  open(job) {
    this.#putAside();
    const restored = job === null ? null : this.#drafts.open(job);
    this.#refresh();
    if (job === null) return;
    this.#notes.tell();
    this.#drafts.tellOpened(restored, job);
    this.#problems.ask(this.document.graph, { soon: true });
    this.#columns.ask({ soon: true });
  }

  /** This job ({name, asStored}) is shown, and may not be changed here: it can be exported. */
  lookAt({ name, asStored }) {
    this.#lookedAt = { name, graph: asStored };
    this.#refreshTools();
  }

  /** Nothing is edited until the next job is opened. */
  close() {
    this.#putAside();
    this.#refresh();
  }

  /** What the server has of the job at hand by now, by somebody else's hand; null: it was deleted. */
  takeStored(job) {
    if (job === null) return this.#tellGone();
    const before = this.#drafts.graph;
    if (this.#drafts.takeStored(job)) this.#changed(before);
    else this.#refreshTools();
    return undefined;
  }

  // Of a save: what can be done with the draft is offered, still. Throws every other problem.
  #tellIfGone(draft, problem) {
    if (problem.status !== 404 || draft !== this.#drafts.current) throw problem;
    this.#tellGone();
    return null;
  }

  /** The server does not have this job, any more: offers what was changed of it here and not saved. */
  offerLeft(jobId) {
    const left = this.#drafts.leftOf(jobId);
    if (left === null) return;
    const text = `This job is not stored any more. There is an unsaved draft of it, from ${formatMoment(left.keptAt)}.`;
    const make = () => this.makeJob({ name: left.name ?? `Job ${jobId}`, graph: left.graph }, () => this.#drafts.dropLeft(left)); // then it is stored, and nobody waits for its page
    this.#page.say(text, 'plain', { label: 'Make a new job of it', run: () => this.#page.attempt(make) }, 'draft');
  }

  #tellGone() {
    const action = this.isOpen ? { label: 'Make a new job of it', run: () => this.#tools.duplicate() } : null;
    this.#page.say('Somebody deleted this job.', 'error', action, action === null ? null : 'draft');
  }

  /** The job is not as it was any more: forget changes to it. */
  forget(jobId) {
    if (this.#drafts.current?.job.id === jobId) this.#putAside();
    this.#drafts.forget(jobId);
  }

  // What a notice offers to do with the draft could not be done any more.
  #putAside() {
    this.#page.clearNotice('draft');
    this.#lookedAt = null;
    this.#tools.endRename();
    this.#drafts.putAside();
    this.#opened.closed();
    this.#selection.put({});
    this.#columns.clear();
    this.#previews.close();
    this.#problems.clear();
    this.#notes.draw();
  }

  /** The graph of before becomes the draft, in one step. False where it is the same already. */
  restoreGraph(graph, label) {
    const restored = standingGraph(graph);
    if (JSON.stringify(restored) === JSON.stringify(this.#drafts.graph)) return false;
    this.#do({ label, apply: () => restored }, []);
    this.#graph.fit();
    return true;
  }

  newJob() {
    return this.#tools.create();
  }

  makeJob(document, onMade) {
    return this.#tools.make(document, onMade);
  }

  importJobs() {
    this.#tools.chooseFiles();
  }

  get isOpen() {
    return this.#drafts.current !== null;
  }

  /** The draft's graph of a job, which is another object after each change; null where there is none. */
  graphOf(jobId) {
    return this.#drafts.of(jobId)?.model.graph ?? null;
  }

  get isDirty() {
    return this.#drafts.current?.model.isDirty ?? false;
  }

  /** The draft's graph; null when none is open. */
  get graph() {
    return this.#drafts.graph;
  }

  /** What the last run failed by in a node's form: {nodeId, field, text, message, isStanding}, or null. */
  showFault(fault) {
    this.#opened.drawFault(fault);
  }

  /** Add a node {type, label, config} that gets what a node gives by a port, as a person would. */
  addAfter(id, port, { type, label, config }) {
    this.#commands.add(this.#vocabulary.types.get(type), null, { after: { id, port }, label, config });
  }

  /** Show rows of a node in the dock; `other`: as PreviewView.open. */
  openPreview(id, other) {
    this.#previews.open(id, other);
  }

  /** {id, name, graph, etag}: the job with what was changed, else as it is stored; null when none is open. */
  get document() {
    if (this.#drafts.current === null) return null;
    const { job, model } = this.#drafts.current;
    const graph = job.odd.length > 0 && !model.isDirty ? job.asStored : writtenFor(model.graph, job.graph.engine);
    return { id: job.id, name: job.name, graph, etag: job.etag };
  }

  /** Ids of jobs with changes that are not saved. */
  get unsavedIds() {
    return this.#drafts.unsavedIds;
  }

  /**
   * True when there is nothing that the server does not have. Tells what went wrong itself. `asItIs`: a graph with notes
   * is saved though nothing was changed, which says that it is meant as it is run now. Of two saves the second waits: it would
   * take the first for somebody else's.
   */
  async save({ asItIs = false } = {}) {
    this.#opened.settle();
    const draft = this.#drafts.current;
    if (draft === null) return true;
    const went = await this.#page.attempt(() =>
      this.#turns.take(draft.job.id, async () => {
        const isMeant = asItIs && draft === this.#drafts.current && this.#notes.areAny;
        if (draft.model.isDirty || isMeant) await this.#put(draft);
      })
    );
    return went && !draft.model.isDirty;
  }

  /** Once what is being saved of the job at hand is answered, its name, too. */
  async settled() {
    if (this.isOpen) await this.#turns.free(this.#drafts.current.job.id);
  }

  async #put(draft) {
    const { graph } = draft.model;
    const saved = await saveOver(this.#api, draft.job, { name: draft.job.name, graph: writtenFor(graph, this.#vocabulary.engine) })
      .catch((problem) => this.#tellIfGone(draft, problem));
    if (saved === null) return;
    draft.job = saved;
    draft.model.markSaved(graph);
    if (this.#drafts.of(saved.id) === draft) this.#drafts.keep(draft); // else it was discarded meanwhile
    if (draft === this.#drafts.current) this.#notes.draw();
    this.#page.announce('Saved.');
    await this.#tells.onSaved(saved);
    this.#refreshTools();
  }

  #discard() {
    const { id } = this.#drafts.current.job;
    this.forget(id);
    this.#page.turnToJob(id);
  }

  /** Choose a node of the draft, as a click on it does. False where it has none like that. */
  select(id) {
    const { graph } = this.#drafts;
    if (graph === null || nodeOf(graph, id) === undefined) return false;
    this.#selection.only(id, { open: true });
    this.#graph.reveal(id);
    return true;
  }

  /** The details were closed. */
  detailsClosed() {
    this.#opened.closed();
    this.#problems.draw();
  }

  /** What the validator says to Execute: [{nodeId, field, message}]. */
  showProblems(checked) {
    this.#problems.show(checked);
  }

  /** The place of previews in the dock is shown. */
  previewShown() {
    this.#previews.shown();
  }

  /** As GraphMenu.itemsFor. */
  itemsFor(what, place) {
    return this.#menu.itemsFor(what, place);
  }

  /** Nodes, [{type, config}] with the types' names, where the pointer is. */
  dropNodes(nodes, clientX, clientY) {
    this.#commands.dropNodes(nodes, clientX, clientY);
  }

  #onColumns() {
    this.#problems.draw();
    this.#opened.fill();
  }

  #showNextProblem() {
    const { graph } = this.#drafts;
    const ids = [...new Set(this.#problems.all.map(({ nodeId }) => nodeId))].filter((id) => id !== null && nodeOf(graph, id) !== undefined);
    if (ids.length === 0) return this.#page.say(this.#problems.all.map(({ message }) => message).join('\n'), 'error');
    return this.#showNext(ids);
  }

  #showNext(ids) {
    if (ids.length > 0) this.select(ids[(ids.indexOf(this.#opened.id) + 1) % ids.length]);
  }

  // ---- changes

  /** Do a command; then `selected` are the nodes that it is about. */
  #do(command, selected = null) {
    if (this.#drafts.current === null) return false;
    const { model } = this.#drafts.current;
    const { graph } = model;
    const before = this.#selection.now;
    const after = selected === null ? before : { nodes: new Set(selected), edges: new Set() };
    const changed = model.do({ ...command, held: { before, after } }, Date.now());
    this.#selection.put(after);
    if (changed) this.#changed(graph);
    else this.#refresh();
    return changed;
  }

  // `before`: the graph that was changed.
  #changed(before) {
    const { graph } = this.#drafts;
    const focused = this.#graph.focusedNode;
    const ids = new Set(graph.nodes.map((node) => node.id));
    this.#selection.keep(ids, new Set(graph.edges.map(edgeKey)));
    if (this.#opened.id !== null && !ids.has(this.#opened.id)) this.#opened.open(null);
    this.#drafts.keep(this.#drafts.current);
    this.#refresh();
    if (focused !== null && !ids.has(focused)) this.#refocus(before, ids);
    this.#previews.age();
    this.#problems.ask(graph);
    this.#columns.ask();
  }

  // The node with the focus is gone: the keyboard goes on at what is selected, else at what fed it.
  #refocus(before, ids) {
    const [selected] = this.#selection.nodes;
    const gone = new Set(before.nodes.map((node) => node.id).filter((id) => !ids.has(id)));
    const next = selected ?? nextFocus(before, gone);
    if (next === null) byId('graph').focus();
    else this.#graph.focusNode(next);
  }

  #undo() {
    this.#step((model) => model.undo(), 'Undone');
  }

  #redo() {
    this.#step((model) => model.redo(), 'Done again');
  }

  // With the graph comes back what was selected then; else what the step brought is, so that the next key is about it.
  #step(take, said) {
    if (this.#drafts.current === null) return;
    const { model } = this.#drafts.current;
    const before = model.graph;
    const label = take(model);
    if (label === null) return;
    this.#selection.put(model.held === null || isNothing(model.held) ? { nodes: broughtBy(before, model.graph) } : model.held);
    this.#changed(before);
    this.#openSelected();
    this.#selection.takeFocus();
    this.#page.announce(`${said}: ${label}.`);
  }

  // An open form follows what a step selected.
  #openSelected() {
    const [first, ...others] = this.#selection.nodes;
    if (this.#opened.id !== null && first !== undefined && !this.#selection.nodes.has(this.#opened.id)) this.#opened.open(others.length === 0 ? first : null);
  }

  #refresh() {
    const { graph } = this.#drafts;
    if (graph !== null) this.#tells.onDraft(graph);
    this.#selection.draw();
    if (graph !== null) this.#problems.draw();
    if (this.#opened.id !== null) this.#opened.fill();
    this.#notes.draw();
    this.#refreshTools();
  }

  #refreshTools() {
    this.#toolbar.refresh({ isLookedAt: this.#lookedAt !== null });
    this.#tells.onUnsaved(this.unsavedIds);
  }

  // ---- who tells us what

  #intents() {
    return {
      pick: (id, { extend, isByKey }) => {
        if (extend) this.#selection.toggle(id);
        else if (isByKey && this.#opened.id === id) this.#opened.focus();
        else this.#selection.only(id, { open: true });
      },
      pickEdge: (key, how) => this.#selection.edge(key, how),
      pickGround: () => this.#selection.clear(),
      hold: (id, how) => this.#selection.hold(id, how),
      moveBy: (dx, dy) => {
        this.#commands.move(this.#selection.nodes, dx, dy);
        this.#graph.revealLost([...this.#selection.nodes]); // dropped beside the graph
      },
      connect: (edge) => this.#commands.connect(edge),
      connectToNothing: (id, port, point) => this.#offers.ends(id, port, point),
      allows: (edge) => whyNoEdge(this.#drafts.graph, this.#vocabulary.types, edge) === null,
      mark: (ids, how) => this.#selection.mark(ids, how),
    };
  }

  #formSays() {
    return {
      rename: (id, name) => this.#commands.rename(id, name),
      configure: (id, field, value) => this.#commands.configure(id, field, value),
      choose: (id, values) => this.#commands.choose(id, values),
      disconnect: (edge) => this.#commands.disconnect(edge),
      connect: (id) => this.#offers.targets(id),
      preview: (id) => this.#previews.open(id),
      duplicate: (id) => this.#commands.duplicate(new Set([id])),
      remove: (id) => this.#commands.delete(new Set([id]), new Set()),
      select: (id) => this.select(id),
      announce: (text) => this.#page.announce(text),
      dismissNotes: (id) => this.#notes.dismiss(id),
      findTypes: (id, field) => this.#previews.findTypes(id, field),
      pickFunction: (onPick) => this.#offers.functions(onPick),
      valuesOf: (id, expression) => this.#columns.valuesOf(id, expression),
      askTables: (connection) => void this.#columns.askTables(connection),
      browse: (id, path) => this.#page.browse(path, !this.#vocabulary.types.get(nodeOf(this.#drafts.graph, id).type).hasOutput),
    };
  }

  #jobHost() {
    const page = this.#page;
    return {
      draft: () => this.document,
      exported: () => this.document ?? this.#lookedAt,
      isDirty: () => this.isDirty,
      names: () => page.jobs().map(({ name }) => name),
      turnTo: (jobId) => page.turnToJob(jobId),
      inTurn: (jobId, work) => this.#turns.take(jobId, work),
      settled: () => this.settled(),
      renamed: async (job, before) => {
        const draft = this.#drafts.of(job.id);
        if (draft !== undefined && draft.job.updatedAt === before.updatedAt) draft.job = job;
        else if (draft !== undefined) draft.job = { ...draft.job, name: job.name };
        await this.#tells.onSaved(job);
      },
      gone: (jobId) => {
        this.forget(jobId);
        return this.#tells.onGone(jobId);
      },
      discard: () => this.#discard(),
      editAsJson: () => page.editAsJson(),
      declareParameters: () => this.#settings.declareParameters(),
      setRetries: () => this.#settings.setRetries(),
      setTag: () => this.#settings.setTag(),
      setKept: () => this.#settings.setKept(),
      attempt: (work) => page.attempt(work),
      say: (text, tone, cause) => page.say(text, tone, null, cause),
    };
  }
}

function isNothing({ nodes, edges }) {
  return nodes.size + edges.size === 0;
}

// The ids of nodes that the graph has now and had not before.
function broughtBy(before, graph) {
  const known = new Set(before.nodes.map((node) => node.id));
  return new Set(graph.nodes.map((node) => node.id).filter((id) => !known.has(id)));
}
