/**
 * The form of one node, made from its type's schema. It shows what the draft holds and tells each change; it keeps
 * no state of its own, so undo changes it like anything else. Test hooks: `#node-form`, `[data-field="…"]` around
 * each field, with `.field-error`; `#node-name`; `.connection[data-from][data-to]` with `.connection-columns`; `#node-notes`,
 * `#node-notes-dismiss`; in a field of types `.types-find` and `.types-note`; by an expression `.expression-functions`,
 * `.expression-try` and `.expression-values`. What of a field is wrong has `aria-invalid`.
 */

import { byId, closest, element, icon, iconButton, setAttribute, setHidden, setText } from '../dom.js';
import { countText, linesOf } from './columns.js';
import { completing, offerLearned } from './completion.js';
import { byExpression, growing } from './expression-field.js';
import { besideField, chosenOf, controlOf, indented, isCode, isOffered, isRequired, lines, shownText, valueOf } from './fields.js';
import { nodeOf } from './graphs.js';
import { edgeKey, inputsOf, isRejecting } from './ports.js';
import { inNames, inQuery } from './words.js';

export class NodeForm {
  #box = byId('node-form');
  #says; // what to tell; see the constructor
  #shown = null; // {id, type, choice, fields: Map name → {box, error, field, control}, wrong: Map name → message, …}
  #chosen = null; // of a oneOf, while neither is given
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

  /** Show the node of the draft, or nothing (null). `context`: {graph, types, known: {field kind: [text]}, words: {functions, columns},
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
    const errors = this.#withFault(told);
    const { wrong } = this.#shown;
    for (const [name, { box, error, field, control }] of this.#shown.fields) {
      const said = errors.filter((found) => found.field === name).map((found) => besideField(field, found.message));
      const messages = wrong.has(name) ? [wrong.get(name)] : said;
      setText(error, messages.join('\n'));
      setHidden(error, messages.length === 0);
      box.dataset.invalid = String(messages.length > 0);
      mark(box, control.inputs(), messages.length > 0 && !fresh, errors.filter((found) => found.field === name && (found.text ?? null) !== null));
    }
    const others = errors.filter(({ field }) => !this.#shown.fields.has(field)).map(({ message }) => message);
    setText(this.#shown.general, others.join('\n'));
    setHidden(this.#shown.general, others.length === 0);
  }

  /** What the node's settings mean now that they did not mean when they were saved: sentences, above its fields. */
  drawNotes(messages) {
    if (this.#shown === null) return;
    const { notes, noteList } = this.#shown;
    if (noteList.textContent !== messages.join('')) noteList.replaceChildren(...messages.map((message) => element('li', '', message)));
    setHidden(notes, messages.length === 0);
  }

  focusName() {
    byId('node-name')?.focus();
    byId('node-name')?.select();
  }

  #choice(type, node) {
    if (type === undefined || type.oneOf.length === 0) return null;
    const given = type.oneOf.some((name) => node.config?.[name] !== undefined && node.config[name] !== null);
    return given || this.#chosen === null ? chosenOf(type.oneOf, node.config) : this.#chosen;
  }

  // ---- building

  #build(node, type) {
    if (this.#shown?.id !== node.id) this.#chosen = null;
    const choice = this.#choice(type, node);
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
    this.#box.replaceChildren(...parts);
    this.#shown = { id: node.id, type, choice, fields, general, connections, notes, noteList, lifted: null, wrong: new Map() };
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
        this.#chosen = name;
        this.#says.choose(node.id, Object.fromEntries(type.oneOf.map((other) => [other, undefined])));
      });
      return element('label', 'segment', radio, element('span', '', type.fields.find((field) => field.name === name).label));
    });
    return element('fieldset', 'segments', legend, ...options);
  }

  #field(node, field, fields, isChosen) {
    const say = (value, { error = undefined } = {}) => {
      this.#noteWrong(field.name, error);
      if (error === undefined) this.#says.configure(node.id, field.name, value);
    };
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

  // A text that cannot be a value yet never reaches the draft: only the form knows of it.
  #noteWrong(name, message) {
    const { wrong } = this.#shown;
    if (message === undefined) wrong.delete(name);
    else wrong.set(name, message);
    this.drawErrors(this.#errors, this.#fresh);
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
    const show = element('button', 'connection-name', name);
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

let nextId = 0;

function fieldBox(field, control, fields, { required }) {
  const id = `field-${(nextId += 1)}`;
  const label = element('label', 'field-label', field.label);
  if (!required && field.name !== 'name') label.append(element('span', 'field-optional', (field.default ?? null) === null ? 'optional' : ''));
  const help = element('p', 'field-help', field.help ?? '');
  const error = element('p', 'field-error');
  help.id = `${id}-help`;
  error.id = `${id}-error`;
  error.hidden = true;
  help.hidden = (field.help ?? '') === '';
  const box = element('div', 'field', label, control.element, error, help);
  box.dataset.field = field.name;
  const [first] = control.inputs();
  if (first !== undefined) {
    if (first.id === '') first.id = id;
    label.htmlFor = first.id;
    first.setAttribute('aria-describedby', `${error.id} ${help.id}`);
    if (required && first.type !== 'button') first.setAttribute('aria-required', 'true');
  }
  fields.set(field.name, { box, error, field, control });
  return box;
}

// ---- controls: {element, inputs(), set(value), suggest?(texts)}; each tells a change with say(value, {error})

function simple(input) {
  return {
    element: input,
    inputs: () => [input],
    set: (value) => setValue(input, value ?? ''),
  };
}

// Only when it differs, and never over what a person is typing that means the same.
function setValue(input, text) {
  if (input.value !== text) input.value = text;
}

function typed(field, input, say) {
  input.spellcheck = false;
  input.autocomplete = 'off';
  input.autocapitalize = 'off';
  if (isCode(field)) input.classList.add('is-code');
  input.addEventListener('input', () => {
    const { value, error } = valueOf(field, input.value);
    say(value, { error });
  });
  const same = (value) => {
    const now = valueOf(field, input.value);
    return now.error !== undefined || JSON.stringify(now.value) === JSON.stringify(value ?? undefined);
  };
  return {
    element: input,
    inputs: () => [input],
    set: (value) => {
      if (!(document.activeElement === input && same(value))) setValue(input, shownText(field, value));
    },
  };
}

function area(field, say, rows) {
  const input = document.createElement('textarea');
  input.rows = rows;
  return typed(field, input, say);
}

// Code whose indentation counts: Enter keeps it, Tab adds to it and Shift+Tab takes from it. After Escape, Tab leaves the field as ever.
function program(field, say) {
  const control = area(field, say, 14);
  const [input] = control.inputs();
  let isLeaving = false;
  input.wrap = 'off';
  input.addEventListener('focus', () => (isLeaving = false));
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') isLeaving = true;
    const change = isLeaving ? null : indented(input.value, input.selectionStart, input.selectionEnd, event.key, event.shiftKey);
    if (change === null) return;
    event.preventDefault();
    input.setSelectionRange(change.from, change.to);
    // unlike setRangeText, what the browser's own undo knows
    if (change.text === '' && change.from < change.to) document.execCommand('delete');
    else if (change.text !== '') document.execCommand('insertText', false, change.text);
    input.setSelectionRange(change.start, change.end);
  });
  return control;
}

function expression(field, say, says) {
  const control = area(field, say, 2);
  const grow = growing(control.element);
  const set = (value) => {
    control.set(value);
    grow();
  };
  return { ...control, set, element: byExpression(control.element, says.expression) };
}

// One column a line, completed by those that come in.
function nameList(field, say, says) {
  const control = area(field, say, 3);
  return field.reads === null || field.reads === undefined ? control : { ...control, element: completing(control.element, says.names(field.reads)) };
}

function query(field, say, says) {
  const control = area(field, say, 8);
  return { ...control, element: completing(control.element, says.query) };
}

function line(field, say, says) {
  const input = document.createElement('input');
  const control = typed(field, input, say);
  if ((field.reads ?? null) !== null) return { ...control, element: completing(input, says.names(field.reads)) };
  const list = document.createElement('datalist');
  list.id = `suggest-${(nextId += 1)}`;
  input.setAttribute('list', list.id);
  return {
    ...control,
    element: element('div', 'field-line', input, list, ...(field.kind === 'path' ? [browseButton(field, input, say, says.browse)] : [])),
    suggest: (texts) => {
      const shown = [...list.options].map(({ value }) => value);
      if (JSON.stringify(shown) !== JSON.stringify(texts)) list.replaceChildren(...texts.map((text) => new Option(text)));
    },
  };
}

function browseButton(field, input, say, browse) {
  const button = element('button', 'button field-browse', 'Browse…');
  button.type = 'button';
  button.setAttribute('aria-label', `Browse for ${field.label}`);
  button.addEventListener('click', async () => {
    const path = await browse(input.value);
    if (path !== null) {
      setValue(input, path);
      say(path);
    }
    button.focus();
  });
  return button;
}

function choice(field, say) {
  const select = document.createElement('select');
  const hasDefault = (field.default ?? null) !== null;
  if (!hasDefault) select.append(new Option('', ''));
  select.append(...field.choices.map((text) => new Option(text, text)));
  select.addEventListener('change', () => say(select.value === '' ? undefined : select.value));
  const set = (value) => {
    const shown = value ?? field.default ?? '';
    if (![...select.options].some((option) => option.value === shown)) select.append(new Option(String(shown), String(shown)));
    setValue(select, String(shown));
  };
  return { element: select, inputs: () => [select], set };
}

function onOff(field, say) {
  const input = document.createElement('input');
  input.type = 'checkbox';
  input.addEventListener('change', () => say(input.checked));
  return { element: input, inputs: () => [input], set: (value) => (input.checked = Boolean(value ?? field.default)) };
}

// all | none | a list, as the field of kept columns has it
function keep(field, say, says) {
  const select = document.createElement('select');
  select.append(new Option('All columns', 'all'), new Option('No columns', 'none'), new Option('These columns:', 'list'));
  const names = document.createElement('textarea');
  names.rows = 3;
  names.className = 'is-code';
  names.spellcheck = false;
  names.setAttribute('aria-label', `${field.label}: one column a line`);
  names.placeholder = 'one column a line';
  const tell = () => {
    names.hidden = select.value !== 'list';
    say(select.value === 'list' ? lines(names.value) : select.value);
  };
  select.addEventListener('change', tell);
  names.addEventListener('input', tell);
  const set = (value) => {
    const shown = value ?? field.default ?? 'all';
    const isList = Array.isArray(shown);
    setValue(select, isList ? 'list' : String(shown));
    names.hidden = !isList;
    if (isList && JSON.stringify(lines(names.value)) !== JSON.stringify(shown)) names.value = shown.join('\n');
  };
  return { element: element('div', 'field-keep', select, completing(names, says.names(field.reads ?? ''))), inputs: () => [select], set };
}

/**
 * A list of entries, a line each, that can be added and removed. `cells(entry, place, change)` makes the controls of a
 * line; `change(members)` changes the entry. {element, inputs(), set(value)} and the button that adds.
 */
function entries(field, say, { empty, addLabel, cells }) {
  const list = element('ul', 'columns');
  const add = element('button', 'link-button', addLabel);
  add.type = 'button';
  add.classList.add('columns-add');
  let shown = [];
  const tell = (now) => {
    shown = now;
    say(now);
  };
  const line = (entry, place) => {
    const remove = iconButton('close', `Remove ${field.entry ?? 'column'} ${place + 1}`);
    remove.addEventListener('click', () => {
      tell(shown.filter((_, at) => at !== place));
      draw();
      (list.querySelector(`li:nth-child(${Math.min(place + 1, shown.length)}) input`) ?? add).focus();
    });
    const change = (members) => tell(shown.map((now, at) => (at === place ? { ...now, ...members } : now)));
    return element('li', '', ...cells(entry, place, change), remove);
  };
  const draw = () => list.replaceChildren(...shown.map(line));
  add.addEventListener('click', () => {
    tell([...shown, { ...empty }]);
    draw();
    list.querySelector('li:last-child input').focus();
  });
  const set = (value) => {
    const wanted = Array.isArray(value) ? value : (field.default ?? []);
    if (JSON.stringify(wanted) === JSON.stringify(shown)) return;
    shown = wanted;
    draw();
  };
  return { element: element('div', 'field-columns', list, add), inputs: () => [...list.querySelectorAll('input'), add].slice(0, 1), set, add };
}

// The control of one member of an entry, with a name that tells the lines apart.
function cell(made, label, place, member) {
  made.setAttribute('aria-label', `${label} ${place + 1}`);
  made.dataset.member = member;
  return made;
}

function textCell(label, entry, place, member, change, tag = 'input') {
  const made = /** @type {HTMLInputElement | HTMLTextAreaElement} */ (document.createElement(tag));
  made.value = String(entry?.[member] ?? '');
  made.placeholder = label;
  made.spellcheck = false;
  made.autocomplete = 'off';
  made.className = 'is-code';
  made.addEventListener('input', () => change({ [member]: made.value }));
  return cell(made, label, place, member);
}

// An expression on a line that grows with it.
function expressionCell(label, entry, place, member, change, says) {
  const made = textCell(label, entry, place, member, change, 'textarea');
  made.rows = 1;
  growing(made)();
  return byExpression(made, says.expression);
}

// [{column, expression}, …]
function columns(field, say, says) {
  const equals = () => {
    const made = element('span', 'columns-equals', '=');
    made.setAttribute('aria-hidden', 'true');
    return made;
  };
  const cells = (
    entry,
    place,
    change,
  ) => [textCell('Column', entry, place, 'column', change), equals(), expressionCell('Expression', entry, place, 'expression', change, says)];
  return entries(field, say, { empty: { column: '', expression: '' }, addLabel: 'Add a column', cells });
}

// [{column, type}, …], which the server can find in the file
function types(field, say, { findTypes }) {
  const pick = (entry, place, change) => {
    const select = document.createElement('select');
    const type = String(entry?.type ?? '');
    const known = field.choices.includes(type) ? field.choices : [type, ...field.choices];
    select.append(...known.map((name) => new Option(name, name, false, name === type)));
    select.addEventListener('change', () => change({ type: select.value }));
    return cell(select, 'Type', place, 'type');
  };
  const cells = (entry, place, change) => [textCell('Column', entry, place, 'column', change), pick(entry, place, change)];
  const list = entries(field, say, { empty: { column: '', type: field.choices[0] }, addLabel: 'Add a column', cells });
  list.element.firstElementChild.classList.add('types');
  const { button, note } = finder(findTypes);
  list.element.append(element('div', 'columns-foot', list.add, button), note);
  return list;
}

// [{the members that the field names}, …]
function memberEntries(field, say, says) {
  const cells = (entry, place, change) => field.members.map((member) => MEMBERS[member.kind](member, entry, place, change, says));
  const empty = Object.fromEntries(field.members.filter(({ required }) => required).map((member) => [member.name, member.choices[0] ?? '']));
  const list = entries(field, say, { empty, addLabel: `Add ${/^[aeiou]/.test(field.entry) ? 'an' : 'a'} ${field.entry}`, cells });
  list.element.firstElementChild.classList.add('members');
  return list;
}

function choiceCell(member, entry, place, change) {
  const select = document.createElement('select');
  const chosen = String(entry?.[member.name] ?? '');
  const offered = member.required ? member.choices : ['', ...member.choices];
  const known = offered.includes(chosen) ? offered : [chosen, ...offered];
  select.append(...known.map((name) => new Option(name === '' ? member.label.toLowerCase() : name, name, false, name === chosen)));
  select.addEventListener('change', () => change({ [member.name]: select.value }));
  return cell(select, member.label, place, member.name);
}

// What is no whole number stays a text, which the validator refuses with its place
function countCell(member, entry, place, change) {
  const made = textCell(member.label, entry, place, member.name, () => {});
  made.inputMode = 'numeric';
  made.addEventListener('input', () => change({ [member.name]: /^\d+$/.test(made.value) ? Number(made.value) : made.value }));
  return made;
}

const MEMBERS = {
  text: (member, entry, place, change, says) => {
    const made = textCell(member.label, entry, place, member.name, change);
    return (member.reads ?? null) === null ? made : completing(made, says.names(member.reads));
  },
  choice: choiceCell,
  count: countCell,
  expression: (member, entry, place, change, says) => expressionCell(member.label, entry, place, member.name, change, says),
};

// The button that has the types found, and what came of it.
function finder(findTypes) {
  const button = element('button', 'link-button types-find', 'Find types');
  button.type = 'button';
  button.title = 'Read the file once and propose what each column holds';
  const note = element('p', 'types-note');
  note.hidden = true;
  const tell = (tone, text) => {
    note.dataset.tone = tone;
    setText(note, text);
    setHidden(note, text === '');
  };
  let isAsking = false;
  button.addEventListener('click', async () => {
    if (isAsking) return;
    isAsking = true;
    tell('busy', 'Reading the file…');
    await findTypes().then((found) => tell('good', found), (error) => tell('error', error.message));
    isAsking = false;
  });
  return { button, note };
}

// As text: a number input would change under a wheel that scrolls, and says nothing of what is no number.
function count(field, say) {
  const input = document.createElement('input');
  input.inputMode = 'numeric';
  return typed(field, input, say);
}

const CONTROLS = {
  line,
  text: (field, say) => area(field, say, 2),
  program: (field, say) => program(field, say),
  code: (field, say, says) => (field.kind === 'expression' ? expression : query)(field, say, says),
  number: line,
  marker: line,
  count,
  list: nameList,
  json: (field, say) => area(field, say, 4),
  choice,
  switch: onOff,
  keep,
  columns,
  types,
  entries: memberEntries,
};
