/**
 * The form of one node, made from its type's schema. It shows what the draft holds and tells each change, so undo changes it like anything
 * else. Of its own it keeps, with the draft, only what was put aside of fields that exclude each other. Test hooks: `#node-form`, `[data-field="…"]` around
 * each field, with `.field-error`; `#node-name`; `.connection[data-from][data-to]` with `.connection-columns`; `#node-notes`,
 * `#node-notes-dismiss`; in a field of types `.types-find` and `.types-note`; by an expression `.expression-functions`,
 * `.expression-try` and `.expression-values`. What of a field is wrong has `aria-invalid`.
 */

import { nodeOf } from '../../model/graphs.js';
import { edgeKey, inputsOf, isRejecting } from '../../model/ports.js';
import { byId, closest, element, icon, iconButton, ownTextElement, setAttribute, setHidden, setParts, setText } from '../../parts/dom.js';
import { countText, linesOf } from './columns.js';
import { offerLearned } from './completion.js';
import { CONTROLS, fieldBox, simple } from './controls.js';
import { besideField, chosenOf, controlOf, isOffered, isRequired, shownText, valueOf } from './fields.js';
import { inNames, inQuery } from './words.js';

export class NodeForm {
  #box = byId('node-form');
  #says; // what to tell; see the constructor
  #shown = null; // {id, type, choice, node, fields: Map name → {box, error, field, control}, …}
  #looks = new WeakMap(); // draft → Map node id and type → its #look
  // Of a oneOf: which field is shown, also while none is given, and the values of those that are not shown, by name
  #look = { chosen: null, aside: {} };
  #errors = []; // that the validator told last
  #fresh = false;
  #fault = null; // what the last run failed by here
  #words = { functions: [], columns: [] }; // that an expression may name
  #known = nothingKnown(); // of columns and tables
  #unfolded = new Set(); // keys of the edges whose columns are shown

  /**
   * `says`: {rename(id, name), configure(id, field, value), choose(id, {field: value, …}), disconnect(edge),
   * connect(id), preview(id), duplicate(id), remove(id), select(id), dismissNotes(id), announce(text), findTypes(id, field) → what was
   * found, as a text, pickFunction(onPick), valuesOf(id, expression) → a text, askTables(connection), browse(id, path) → a path or null}
   */
  constructor(says) {
    this.#says = says;
    this.#box.addEventListener('submit', (event) => event.preventDefault());
  }

  /** Show the node of the draft, or nothing (null). `context`: {draft: as Drafts.current, graph, types, known: {field kind: [text]}, words: {functions, columns},
   * columns: {entering(port), ofEdge(edge), why(id), tables(connection)}}: the first two {columns, all, more} or null. */
  show(id, context) {
    const node = id === null ? undefined : nodeOf(context.graph, id);
    setHidden(this.#box, node === undefined);
    byId('details').dataset.editing = String(node !== undefined);
    if (node === undefined) {
      this.#shown = null;
      return;
    }
    const type = context.types.get(node.type);
    this.#look = this.#lookAt(context.draft, node);
    if (this.#shown?.id !== id || this.#shown.type !== type || this.#choice(type, node) !== this.#shown.choice) this.#build(node, type);
    this.#fill(node, type, context);
  }

  /** What the last run failed by, {nodeId, field, text, message, isStanding}, or null: its field stands on top, with the message until it is changed. */
  drawFault(fault) {
    if (this.#shown === null) return;
    const own = fault?.nodeId === this.#shown.id ? fault : null;
    this.#lift(own?.field ?? null);
    if (JSON.stringify(own) === JSON.stringify(this.#fault)) return;
    this.#fault = own;
    this.drawErrors(this.#errors, this.#fresh);
  }

  // Never while somebody is in the field: it would lose the focus.
  #lift(name) {
    const { lifted, fields, notes } = this.#shown;
    const box = fields.get(name)?.box;
    if ((lifted?.name ?? null) === name || [lifted?.box, box].some((one) => one?.contains(document.activeElement))) return;
    lifted?.gap.replaceWith(lifted.box);
    this.#shown.lifted = null;
    if (box === undefined) return;
    const gap = document.createComment('');
    box.replaceWith(gap);
    notes.after(box);
    this.#shown.lifted = { name, box, gap };
  }

  #withFault(errors) {
    if (this.#fault === null || this.#fault.nodeId !== this.#shown.id || !this.#fault.isStanding) return errors;
    const { field, message, text } = this.#fault;
    return [...errors, { field, message, text }];
  }

  /** Errors of this node beside their fields: [{field, message}]. `fresh`: the node is new, they only say what is to be done. */
  drawErrors(told, fresh = false) {
    if (this.#shown === null) return;
    this.#box.dataset.fresh = String(fresh);
    this.#fresh = fresh;
    this.#errors = told;
    const errors = this.#withFault(told).map((found) => ({ ...found, field: this.#placeOf(found.field) }));
    for (const [name, { box, error, field, control }] of this.#shown.fields) {
      const said = errors.filter((found) => found.field === name).map((found) => besideField(field, found.message));
      const wrong = this.#wrongIn(field);
      const messages = wrong === null ? said : [wrong];
      setText(error, messages.join('\n'));
      setHidden(error, messages.length === 0);
      box.dataset.invalid = String(messages.length > 0);
      mark(box, control.inputs(), messages.length > 0 && !fresh, errors.filter((found) => found.field === name && (found.text ?? null) !== null));
    }
    const others = errors.filter(({ field }) => !this.#shown.fields.has(field)).map(({ message }) => message);
    setText(this.#shown.general, others.join('\n'));
    setHidden(this.#shown.general, others.length === 0);
  }

  // Of fields that exclude each other, an error of all stands beside the one that is shown.
  #placeOf(name) {
    const { type, fields, choice } = this.#shown;
    return type?.oneOf.includes(name) && !fields.has(name) ? choice : name;
  }

  /** What the node's settings mean now that they did not mean when they were saved: sentences, above its fields. */
  drawNotes(messages) {
    if (this.#shown === null) return;
    const { notes, noteList } = this.#shown;
    setParts(noteList, messages.join(''), () => messages.map((message) => element('li', '', message)));
    setHidden(notes, messages.length === 0);
  }

  focus() {
    byId('node-name')?.focus();
  }

  focusName() {
    byId('node-name')?.focus();
    byId('node-name')?.select();
  }

  // Who chooses a field again has its value again, also after a look at other nodes.
  #lookAt(draft, { id, type }) {
    const looks = this.#looks.get(draft) ?? new Map();
    this.#looks.set(draft, looks);
    const key = `${id} ${type}`; // of another type, as in another version of the job, the fields are other ones
    if (!looks.has(key)) looks.set(key, { chosen: null, aside: {} });
    return looks.get(key);
  }

  #choice(type, node) {
    if (type === undefined || type.oneOf.length === 0) return null;
    const isGiven = type.oneOf.some((name) => (node.config?.[name] ?? null) !== null);
    return isGiven || this.#look.chosen === null ? chosenOf(type.oneOf, node.config) : this.#look.chosen;
  }

  // ---- building

  #build(node, type) {
    const choice = this.#choice(type, node);
    this.#look.chosen = choice; // who empties it writes it anew
    const fields = new Map();
    const noteList = element('ul', '');
    const notes = this.#notesBox(node, noteList);
    const parts = [notes, this.#nameField(node, fields)];
    const general = element('p', 'field-error');
    if (type === undefined) parts.push(element('p', 'field-help', `The type “${node.type}” is not known here. Its settings can be changed as JSON.`));
    for (const field of type?.fields ?? []) {
      if (type.oneOf.includes(field.name)) {
        if (field.name === type.oneOf[0]) parts.push(this.#switch(node, type, choice));
        if (field.name !== choice) continue;
      }
      parts.push(this.#field(node, field, fields, type.oneOf.includes(field.name)));
    }
    const connections = element('section', 'connections');
    parts.push(general, connections, this.#buttons(node));
    const isChoosing = closest(document.activeElement, '#node-form .segment') !== null && this.#shown?.id === node.id;
    this.#box.replaceChildren(...parts);
    if (isChoosing) this.#box.querySelector('.segment :checked')?.focus(); // by keyboard: it would have to begin at the top
    this.#shown = { id: node.id, type, node, choice, fields, general, connections, notes, noteList, lifted: null };
  }

  #notesBox(node, list) {
    const dismiss = element('button', 'link-button', 'Dismiss');
    dismiss.type = 'button';
    dismiss.id = 'node-notes-dismiss';
    dismiss.addEventListener('click', () => {
      this.#says.dismissNotes(node.id);
      this.focusName();
    });
    const title = element('h3', 'section-title', 'Changed since it was saved');
    const box = element('section', 'notes', element('div', 'details-section-head', title, dismiss), list);
    box.id = 'node-notes';
    box.hidden = true;
    return box;
  }

  #nameField(node, fields) {
    const field = { name: 'name', label: 'Name', kind: 'text', help: '' };
    const input = document.createElement('input');
    input.id = 'node-name';
    input.addEventListener('input', () => this.#says.rename(node.id, input.value));
    return fieldBox(field, simple(input), fields, { required: true });
  }

  // Which of the fields that exclude each other is given: the other's value is put aside when one is chosen.
  #switch(node, type, choice) {
    const legend = element('legend', 'visually-hidden', 'Which of them');
    const options = type.oneOf.map((name) => {
      const radio = document.createElement('input');
      radio.type = 'radio';
      radio.name = `one-of-${node.id}`;
      radio.checked = name === choice;
      radio.value = name;
      radio.addEventListener('change', () => {
        this.#look.chosen = name;
        this.#says.choose(node.id, this.#exchanged(type.oneOf, name));
      });
      return element('label', 'segment', radio, element('span', '', type.fields.find((field) => field.name === name).label));
    });
    return element('fieldset', 'segments', legend, ...options);
  }

  // What the fields become where this one of them is chosen.
  #exchanged(oneOf, chosen) {
    const { node, choice } = this.#shown;
    const { aside } = this.#look;
    const given = oneOf.filter((name) => name === choice || (node.config[name] ?? null) !== null);
    for (const name of given) aside[name] = node.config[name];
    return Object.fromEntries(oneOf.map((name) => [name, name === chosen ? aside[name] : undefined]));
  }

  #field(node, field, fields, isChosen) {
    const say = (value) => this.#says.configure(node.id, field.name, value);
    const announce = (text) => this.#says.announce(text);
    const control = CONTROLS[controlOf(field)](field, say, {
      findTypes: () => this.#says.findTypes(node.id, field.name),
      expression: {
        words: () => this.#words,
        announce,
        pickFunction: (onPick) => this.#says.pickFunction(onPick),
        valuesOf: (expression) => this.#says.valuesOf(node.id, expression),
      },
      names: (port) => ({ find: (text, caret) => inNames(text, caret, this.#known.entering(port)?.columns ?? []), announce, label: 'Columns' }),
      browse: (path) => this.#says.browse(node.id, path),
      query: { find: (text, caret) => inQuery(text, caret, this.#tables()), announce, label: 'Tables and columns' },
    });
    if (['sql', 'table'].includes(field.kind)) control.element.addEventListener('focusin', () => this.#askTables());
    return fieldBox(field, control, fields, { required: isChosen || isRequired(field) });
  }

  // The tables that a query of this node may name: those of its connection, or its inputs.
  #tables() {
    const { node, type } = this.#shown;
    if (type.inputsIn !== null) return inputsOf(type, node.config).map(({ name }) => ({ name, columns: this.#known.entering(name)?.columns ?? [] }));
    return this.#known.tables(node.config?.connection ?? '');
  }

  #askTables() {
    const { node, type } = this.#shown;
    if (type.inputsIn === null && typeof node.config?.connection === 'string') this.#says.askTables(node.config.connection);
  }

  // What the form itself can say of a text that is no value, in words for who types; null: nothing.
  #wrongIn(field) {
    const value = field.name === 'name' ? undefined : this.#shown.node.config?.[field.name];
    return typeof value === 'string' ? (valueOf(field, shownText(field, value)).error ?? null) : null;
  }

  #buttons(node) {
    const make = (className, name, label, run) => {
      const made = element('button', className, icon(name), element('span', '', label));
      made.type = 'button';
      made.addEventListener('click', run);
      return made;
    };
    const preview = make('button', 'table', 'Preview rows', () => this.#says.preview(node.id));
    preview.id = 'node-preview';
    const copy = iconButton('copy', 'Duplicate this node');
    copy.addEventListener('click', () => this.#says.duplicate(node.id));
    const remove = iconButton('trash', 'Delete this node');
    remove.id = 'node-delete';
    remove.addEventListener('click', () => this.#says.remove(node.id));
    return element('div', 'node-form-buttons', preview, element('span', 'spring'), copy, remove);
  }

  // ---- filling

  #fill(node, type, { graph, types, known, words, columns }) {
    this.#words = words;
    this.#known = columns;
    this.#shown.node = node;
    const { fields, connections } = this.#shown;
    fields.get('name').control.set(node.name);
    const rejects = { isRejecting: isRejecting(graph, types, node.id) };
    for (const [name, { box, field, control }] of fields) {
      if (name === 'name') continue;
      control.set(node.config?.[name], field);
      setHidden(box, !isOffered(field, node.config, rejects) && !box.contains(document.activeElement));
      const tables = field.kind === 'table' ? columns.tables(node.config?.connection ?? '').map((table) => table.name) : [];
      control.suggest?.([...new Set([...tables, ...(known[field.kind] ?? [])])]);
    }
    setText(byId('details-name'), node.name);
    this.#fillConnections(connections, node, type, graph);
    offerLearned();
  }

  #fillConnections(box, node, type, graph) {
    const list = (title, edges, other) => {
      const items = edges.map((edge) => this.#connection(edge, nodeOf(graph, edge[other]), portsText(edge)));
      return items.length === 0 ? [] : [element('h4', 'connections-title', title), element('ul', '', ...items)];
    };
    const incoming = list('Gets rows from', graph.edges.filter(({ to }) => to === node.id), 'from');
    const outgoing = list('Gives rows to', graph.edges.filter(({ from }) => from === node.id), 'to');
    const own = graph.edges.filter(({ from, to }) => from === node.id || to === node.id);
    const signature = JSON.stringify(
      own.map((edge) => [edgeKey(edge), nodeOf(graph, edge.from)?.name, nodeOf(graph, edge.to)?.name, this.#known.ofEdge(edge), this.#known.why(edge.from)]),
    );
    if (box.dataset.signature === signature) return;
    box.dataset.signature = signature;
    const focused = box.contains(document.activeElement) ? closest(document.activeElement, '[data-key]')?.dataset.key : null;
    const head = element('div', 'details-section-head', element('h3', 'section-title', 'Connections'));
    let add = null;
    if (type?.hasOutput !== false || type.rejects) {
      add = element('button', 'link-button', 'Connect to…');
      add.type = 'button';
      add.id = 'node-connect';
      add.addEventListener('click', () => this.#says.connect(node.id));
      head.append(add);
    }
    const none = incoming.length + outgoing.length === 0 ? [element('p', 'field-help', 'None yet.')] : [];
    box.replaceChildren(head, ...incoming, ...outgoing, ...none);
    if (focused === null) return;
    const same = [...box.querySelectorAll('[data-key]')].find(({ dataset }) => dataset.key === focused);
    (same ?? box.querySelector('.connection-remove') ?? add ?? byId('node-name')).focus();
  }

  #connection(edge, other, ports) {
    const { from, to } = edge;
    const name = `${other?.name ?? 'a node that is gone'}${ports}`;
    const show = ownTextElement('button', 'connection-name', name);
    show.type = 'button';
    show.addEventListener('click', () => other !== undefined && this.#says.select(other.id));
    const remove = iconButton('close', `Disconnect ${name}`);
    remove.classList.add('connection-remove');
    remove.addEventListener('click', () => this.#says.disconnect(edge));
    const made = element('li', 'connection', show, remove, this.#edgeColumns(edge, name));
    made.dataset.from = String(from);
    made.dataset.to = String(to);
    return made;
  }

  // The columns of the rows of an edge, which its line in the graph shows on hover.
  #edgeColumns(edge, name) {
    const key = edgeKey(edge);
    const known = this.#known.ofEdge(edge);
    const fold = element('summary', '', countText(known));
    fold.dataset.key = `columns ${key}`;
    fold.setAttribute('aria-label', `${countText(known)}, ${name}`);
    const list = element('ul', 'connection-column-list', ...linesOf(known, this.#known.why(edge.from)).map((line) => element('li', '', line)));
    const made = element('details', 'connection-columns', fold, list);
    made.open = this.#unfolded.has(key);
    made.addEventListener('toggle', () => (made.open ? this.#unfolded.add(key) : this.#unfolded.delete(key)));
    return made;
  }
}

function nothingKnown() {
  return { entering: (_port) => null, ofEdge: (_edge) => null, why: (_id) => '', tables: (_connection) => [] };
}

// What of a field is at fault: the inputs with the texts that the errors name, else its first.
function mark(box, first, isWrong, withText) {
  const inputs = [...box.querySelectorAll('input, textarea')];
  const texts = new Map(withText.map(({ text, message }) => [text, message]));
  const named = isWrong ? inputs.filter(({ value }) => texts.has(value)) : [];
  for (const input of new Set([...inputs, ...first.filter(({ type }) => type !== 'button')])) {
    const isAtFault = named.length > 0 ? named.includes(input) : isWrong && first.includes(input);
    if (isAtFault || input.hasAttribute('aria-invalid') || first.includes(input)) setAttribute(input, 'aria-invalid', String(isAtFault));
    input.title = named.includes(input) ? texts.get(input.value) : '';
  }
}

// The ports that an edge uses where nodes have several, as people read them: " (large → left)".
function portsText({ fromPort = '', toPort = '' }) {
  const named = [fromPort, toPort].filter((port) => port !== '');
  return named.length === 0 ? '' : ` (${named.join(' → ')})`;
}
