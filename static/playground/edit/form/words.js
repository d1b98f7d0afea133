/** What an expression, the name of a column or a query may go on with, and which call the caret is in. Pure. */

import { REJECTED } from '../../model/ports.js';
import { lineOf } from '../../parts/texts/one-line.js';

/** What a rejected row has behind its own columns. */
const REJECT_COLUMNS = ['reject_reason', 'reject_column', 'reject_row', 'reject_place'];

const MOST = 7; // offers at once: they are read, not scrolled
const NAME = /[A-Za-z_]\w*/y;
const PLAIN_NAME = /^[A-Za-z_]\w*$/;

/** The parts of an expression before the caret that are no text, and no comment: [{kind: name | open | close | other, at, text}]; null inside of one. */
function tokens(text, caret) {
  const found = [];
  for (let at = 0; at < caret;) {
    const letter = text[at];
    if (letter === "'" || letter === '"') {
      at = endOfText(text, at);
      if (at > caret) return null;
      found.push({ kind: 'other', at, text: letter });
      continue;
    }
    if (letter === '#') {
      at = endOfLine(text, at);
      if (at >= caret) return null;
      continue;
    }
    NAME.lastIndex = at;
    const [name] = (/\d/.test(text[at - 1] ?? '') ? null : NAME.exec(text)) ?? [];
    if (name !== undefined) found.push({ kind: 'name', at, text: name });
    else if ('([{'.includes(letter)) found.push({ kind: 'open', at, text: letter });
    else if (')]}'.includes(letter)) found.push({ kind: 'close', at, text: letter });
    else if (letter.trim() !== '') found.push({ kind: 'other', at, text: letter });
    at += name?.length ?? 1;
  }
  return found;
}

// Behind the quote that ends a text; beyond the expression where none does.
function endOfText(text, start) {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === text[start]) return at + 1;
  }
  return Infinity;
}

function endOfLine(text, start) {
  const end = text.indexOf('\n', start);
  return end < 0 ? Infinity : end;
}

/** {start, word}: the name that ends at the caret, '' where none is begun; null within a text or a comment, or behind a number. */
export function wordAt(text, caret) {
  const last = tokens(text, caret)?.at(-1);
  if (last === undefined) return tokens(text, caret) === null ? null : { start: caret, word: '' };
  if (last.kind === 'name' && last.at + last.text.length >= caret) return { start: last.at, word: text.slice(last.at, caret) };
  return /[\w.]/.test(text[caret - 1] ?? '') ? null : { start: caret, word: '' };
}

/** The name of the function in whose brackets the caret is; null outside of all. */
export function callAt(text, caret) {
  const before = tokens(text, caret) ?? tokens(text, lastOutside(text, caret)) ?? [];
  const open = [];
  before.forEach((token, place) => {
    if (token.kind === 'open') open.push(token.text === '(' && before[place - 1]?.kind === 'name' ? before[place - 1].text : null);
    else if (token.kind === 'close') open.pop();
  });
  return open.findLast((name) => name !== null) ?? null;
}

// The beginning of the text, or the comment, that the caret is in.
function lastOutside(text, caret) {
  let at = caret;
  while (at > 0 && tokens(text, at) === null) at -= 1;
  return at;
}

/**
 * What a word may become: [{label, hint, insert}], columns first, then functions by their name, then by what other
 * languages call them. `functions`: as the server tells them; `columns`, `parameters`: names; `types`: Map of those of columns.
 */
export function offersFor(word, { functions, columns, parameters = [], types = new Map() }) {
  const sought = word.toLowerCase();
  const begins = (name) => name.toLowerCase().startsWith(sought) && name !== word;
  const ofColumns = columns.filter(begins).map((name) => ({ label: name, hint: types.get(name) ?? 'column', insert: columnText(name) }));
  const ofParameters = parameters.filter((name) => begins(name) || 'param'.startsWith(sought)).map((name) => ({
    label: `param("${name}")`,
    hint: 'parameter',
    insert: `param("${name}")`,
  }));
  const named = functions.filter(({ name }) => name.startsWith(sought));
  const elsewhere = sought.length < 2 ? [] : functions.filter((one) => !named.includes(one) && one.also.some((name) => name.startsWith(sought)));
  const ofFunctions = [...named, ...elsewhere].map((one) => ({ label: one.signature, hint: one.help, insert: callText(one) }));
  return [...ofColumns, ...ofParameters, ...ofFunctions].slice(0, MOST);
}

/**
 * What may stand at the caret of an expression: {start, end, word, offers}, where an offer takes the place of the part from
 * `start` to `end`; null where nothing may. The next two are the same of other texts.
 */
export function inExpression(text, caret, words) {
  const found = wordAt(text, caret);
  if (found === null) return null;
  return { ...found, end: caret + /^\w*/.exec(text.slice(caret))[0].length, offers: offersFor(found.word, words) };
}

/** Of a text with the name of a column on each line. `given`: columns, [{name, type}]. */
export function inNames(text, caret, given) {
  const columns = given.map(({ name, type }) => ({ name: lineOf(name), type }));
  const start = text.lastIndexOf('\n', caret - 1) + 1;
  const end = [text.indexOf('\n', caret), text.length].find((at) => at >= 0);
  const word = text.slice(start, caret).trimStart();
  const others = new Set(`${text.slice(0, start)}${text.slice(end)}`.split('\n').map((line) => line.trim()));
  const sought = word.toLowerCase();
  const free = columns.filter(({ name }) => name.toLowerCase().includes(sought) && name !== word && !others.has(name));
  const ranked = [...free.filter(({ name }) => name.toLowerCase().startsWith(sought)), ...free.filter(({ name }) => !name.toLowerCase().startsWith(sought))];
  return { start, end, word, offers: ranked.slice(0, MOST).map(({ name, type }) => ({ label: name, hint: type ?? 'column', insert: name })) };
}

/** Of a query over tables, [{name, columns: [{name, type}]}]: tables, and columns of those that it names. */
export function inQuery(text, caret, tables) {
  const before = text.slice(0, caret);
  if ((before.match(/'/g) ?? []).length % 2 === 1 || /--[^\n]*$/.test(before)) return null;
  const [path] = /[A-Za-z_][\w.]*$/.exec(before) ?? [''];
  const [, table, word] = /^(?:(.*)\.)?([^.]*)$/.exec(path);
  const sought = word.toLowerCase();
  const begins = ({ name }) => name.toLowerCase().startsWith(sought) && name !== word;
  const own = tables.filter(({ name }) => (table === undefined ? names(text, name) : name.toLowerCase() === table.toLowerCase()));
  const ofColumns = own.flatMap(({ name, columns }) =>
    columns.filter(begins).map((column) => ({ label: column.name, hint: `${column.type} · ${name}`, insert: queryText(column.name) }))
  );
  const whole = (name) => name.toLowerCase().startsWith(path.toLowerCase()) && name !== path;
  const ofTables = tables.filter(({ name }) => whole(name)).map(({ name }) => ({
    label: name,
    hint: 'table',
    insert: name.split('.').map(queryText).join('.'),
    isWhole: true,
  }));
  const offers = [...ofColumns, ...ofTables].slice(0, MOST);
  const start = caret - (table === undefined || offers.some(({ isWhole }) => isWhole) ? path.length : word.length);
  return { start, end: caret + /^\w*/.exec(text.slice(caret))[0].length, word: path, offers };
}

function names(text, table) {
  return text.toLowerCase().includes(table.split('.').at(-1).toLowerCase());
}

function queryText(name) {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** How an expression names a column. */
export function columnText(name) {
  return PLAIN_NAME.test(name) ? name : `col(${JSON.stringify(name)})`;
}

export function callText({ name, signature }) {
  return signature === `${name}()` ? signature : `${name}(`;
}

/** Names of columns that the nodes before a node name in their settings, or gave in a preview (`seen`: node id → names). */
export function columnsBefore(graph, types, id, seen = new Map()) {
  const found = new Set();
  const done = new Set();
  const from = [id];
  while (from.length > 0) {
    const at = from.pop();
    for (const edge of graph.edges.filter(({ to }) => to === at)) {
      if (edge.fromPort === REJECTED.name) { for (const name of REJECT_COLUMNS) found.add(name); }
      if (done.has(edge.from)) continue;
      done.add(edge.from);
      from.push(edge.from);
      const node = graph.nodes.find((one) => one.id === edge.from);
      for (const name of [...(seen.get(edge.from) ?? []), ...namedIn(node, types)]) found.add(name);
    }
  }
  return [...found];
}

function namedIn(node, types) {
  const fields = types.get(node?.type)?.fields ?? [];
  return fields.flatMap(({ name, kind }) => namesOf(kind, node.config?.[name])).filter((name) => typeof name === 'string' && name !== '');
}

function namesOf(kind, value) {
  if (!Array.isArray(value)) return [];
  if (kind === 'columns' || kind === 'types') return value.map((entry) => entry?.column);
  return kind === 'names' || kind === 'keep' ? value : [];
}
