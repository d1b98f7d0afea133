/**
 * From a field of a node type's schema to a control, and from what a person typed to a value. Pure.
 *
 * A control is one of: line, text (several lines), code (several lines, fixed pitch), program (code whose indentation counts), choice, switch, number, count (a
 * whole number), marker (a line whose spaces count), list (one text a line), columns (pairs of column and expression),
 * types (pairs of column and type), entries (lines of the members that the field names), keep, json. A kind that is not in the table is edited as JSON, so that a new one
 * works before it has a control of its own.
 */

import { lineOf, nameIn } from '../../parts/texts/one-line.js';

const CONTROLS = {
  text: 'text',
  sql: 'code',
  python: 'program',
  expression: 'code',
  table: 'line',
  path: 'line',
  connection: 'line',
  http_connection: 'line',
  url: 'line',
  json_path: 'line',
  choice: 'choice',
  columns: 'columns',
  types: 'types',
  name: 'line',
  cell: 'line',
  sheet: 'line',
  names: 'list',
  entries: 'entries',
  column: 'line',
  marker: 'marker',
  separator: 'marker',
  count: 'count',
  keep: 'keep',
  number: 'number',
  integer: 'number',
  boolean: 'switch',
};

export function controlOf(field) {
  return CONTROLS[field.kind] ?? 'json';
}

/** Whether code reads better in a fixed pitch. */
export function isCode(field) {
  return ['sql', 'python', 'expression', 'connection', 'http_connection', 'url', 'json_path', 'path', 'table'].includes(field.kind);
}

/** What the control shows for a value of the configuration. */
export function shownText(field, value) {
  if (value === undefined || value === null) return '';
  const control = controlOf(field);
  if (control === 'list') return Array.isArray(value) ? textOfNames(value) : String(value);
  if (field.kind === 'column' && typeof value === 'string') return lineOf(value);
  if (control === 'json') return typeof value === 'string' && !isJson(value) ? value : JSON.stringify(value, null, 2);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * {value} for the configuration, `undefined` when nothing was given. A text that cannot be one is the value as it is, with an
 * {error}: the server's validator refuses it, so that no run has another value than the one that is written here.
 * What the value must be beyond that, the validator says.
 */
export function valueOf(field, text) {
  const control = controlOf(field);
  if (control === 'marker') return { value: text === '' ? undefined : text };
  if (text.trim() === '') return { value: undefined };
  if (control === 'count') return counted(field, text.trim());
  if (control === 'list') return { value: namesIn(text) };
  if (field.kind === 'column') return { value: nameIn(text) };
  if (control === 'number') return Number.isFinite(Number(text)) ? { value: Number(text) } : { value: text, error: `${field.label} must be a number` };
  if (control === 'json') return parsed(field, text);
  return { value: text };
}

// Digits alone: Number() would take 1e3, 0x10 and 12.0, too, and round what is beyond its precision.
function counted(field, text) {
  if (!/^\d+$/.test(text)) return { value: text, error: `${field.label} must be a whole number, for example 1000` };
  const value = Number(text);
  return Number.isSafeInteger(value) ? { value } : { value: text, error: `${field.label} must be at most ${Number.MAX_SAFE_INTEGER.toLocaleString('en')}` };
}

function parsed(field, text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { value: text, error: `${field.label} must be JSON: text in quotes, a number, a list or an object` };
  }
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** One name a line, or a cell, as a row of a spreadsheet is pasted (a tab of a name itself is shown as ␉); empty ones do not count. */
export function namesIn(text) {
  return text.split(/[\n\t]/).map((line) => line.trim()).filter((line) => line !== '').map(nameIn);
}

/** The text that shows these names. */
export function textOfNames(names) {
  return names.map(lineOf).join('\n');
}

/**
 * Whether the form shows a field: one of graphs of before, one that this choice does not need, or one for rejected rows
 * of a node that rejects none, only where it is given.
 */
export function isOffered(field, config, { isRejecting = false } = {}) {
  const value = config?.[field.name] ?? null;
  const isGiven = value !== null && (field.former || value.length !== 0);
  if (field.forRejects) return isGiven || isRejecting;
  return isGiven || (!field.former && isNeeded(field, config) !== false);
}

/** Whether the choice in another field needs this one; null for a field that no choice decides about. */
function isNeeded(field, config) {
  const need = field.neededFor ?? null;
  return need === null ? null : need.values.includes(config?.[need.field]);
}

/** Whether a field that is shown must be given. */
export function isRequired(field) {
  return (field.required && (field.default ?? null) === null) || (field.neededFor ?? null) !== null;
}

/** Which of the fields of `oneOf` a configuration uses: the one that is given, else the first. */
export function chosenOf(oneOf, config) {
  return oneOf.find((name) => config?.[name] !== undefined && config[name] !== null) ?? oneOf[0];
}

/** The configuration of a new node: what the schema gives a new one, else as default. */
export function startingConfig(type) {
  const begun = type.fields.map(({ name, beginsAs, default: value }) => [name, beginsAs ?? value ?? null]);
  return Object.fromEntries(begun.filter(([, value]) => value !== null).map(([name, value]) => [name, structuredClone(value)]));
}

/** Error messages begin with the field's label where the validator wrote it for a list of all; beside the field that is noise. One of several fields names them. */
export function besideField(field, message) {
  const isOfSeveral = message.startsWith(`${field.label} or `);
  const begins = isOfSeveral ? undefined : [' ', ': ', ', '].find((end) => message.startsWith(field.label + end));
  const rest = begins === undefined ? message : message.slice(field.label.length + begins.length);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

const INDENT = '    ';

/**
 * What a key does to the indentation of code: {from, to, text}, what replaces a part, and {start, end}, the selection
 * after it; null where the key does what it always does.
 */
export function indented(code, start, end, key, isShifted) {
  const line = code.lastIndexOf('\n', start - 1) + 1;
  if (key === 'Enter' && !isShifted) return onNewLine(code, line, start, end);
  if (key !== 'Tab') return null;
  if (start === end && !isShifted) return { from: start, to: end, text: INDENT, start: start + INDENT.length, end: start + INDENT.length };
  const last = end > start && code[end - 1] === '\n' ? end - 1 : end;
  const text = code.slice(line, last).split('\n').map((one) => (isShifted ? one.replace(/^ {1,4}/, '') : INDENT + one)).join('\n');
  if (text === code.slice(line, last)) return { from: start, to: start, text: '', start, end };
  return {
    from: line,
    to: last,
    text,
    start: start === end ? Math.max(line, start - INDENT.length) : line,
    end: start === end ? Math.max(line, start - INDENT.length) : line + text.length,
  };
}

function onNewLine(code, line, start, end) {
  const before = code.slice(line, start);
  const [indent] = /^ */.exec(before);
  const text = `\n${indent}${/:\s*$/.test(before) ? INDENT : ''}`;
  return { from: start, to: end, text, start: start + text.length, end: start + text.length };
}
