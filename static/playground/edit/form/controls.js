/**
 * The controls of a node's form, one for each kind of field: {element, inputs(), set(value), suggest?(texts)}. Each tells a change with
 * say(value), and owns nothing but what is typed into it.
 */

import { element, iconButton, setHidden, setText } from '../../parts/dom.js';
import { growing } from '../../parts/fields/growing.js';
import { lineOf, nameIn } from '../../parts/texts/one-line.js';
import { completing } from './completion.js';
import { byExpression, FILLED } from './expression-field.js';
import { indented, isCode, namesIn, shownText, textOfNames, valueOf } from './fields.js';

let nextId = 0;

export function fieldBox(field, control, fields, { required }) {
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

export function simple(input) {
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
  input.addEventListener('input', () => say(valueOf(field, input.value).value));
  const same = (value) => JSON.stringify(valueOf(field, input.value).value) === JSON.stringify(value ?? undefined);
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
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && !isLeaving) {
      isLeaving = true;
      event.stopPropagation(); // the next one closes the form
    }
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
  const [input] = control.inputs();
  input.classList.add('grows');
  const grow = growing(input);
  const set = (value) => {
    const before = input.value;
    control.set(value);
    grow();
    if (input.value !== before) input.dispatchEvent(new Event(FILLED));
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
    const shown = String(value ?? field.default ?? '');
    if (![...select.options].some((option) => option.value === shown)) select.append(new Option(shown, shown));
    setValue(select, shown);
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
    say(select.value === 'list' ? listed() : select.value);
  };
  // One that names none yet is refused, as a line without a name is: an empty one would keep nothing, without a word.
  const listed = () => (namesIn(names.value).length === 0 ? [''] : namesIn(names.value));
  select.addEventListener('change', tell);
  names.addEventListener('input', tell);
  const set = (value) => {
    const shown = value ?? field.default ?? 'all';
    const isList = Array.isArray(shown);
    setValue(select, isList ? 'list' : String(shown));
    names.hidden = !isList;
    if (isList && JSON.stringify(namesIn(names.value)) !== JSON.stringify(shown)) names.value = textOfNames(shown);
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

// A name: what a line cannot hold of it has a sign.
function nameCell(label, entry, place, member, change) {
  const shown = { [member]: lineOf(entry?.[member] ?? '') };
  return textCell(label, shown, place, member, (typed) => change({ [member]: nameIn(typed[member]) }));
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
  made.classList.add('grows');
  growing(made);
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
  ) => [nameCell('Column', entry, place, 'column', change), equals(), expressionCell('Expression', entry, place, 'expression', change, says)];
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
  const cells = (entry, place, change) => [nameCell('Column', entry, place, 'column', change), pick(entry, place, change)];
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
    const made = nameCell(member.label, entry, place, member.name, change);
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

export const CONTROLS = {
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
