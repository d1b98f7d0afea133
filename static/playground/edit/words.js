/** Which functions and columns an expression may go on with, and which call the caret is in. Pure. */

import { REJECTED } from './ports.js';

/** What a rejected row has behind its own columns. */
const REJECT_COLUMNS = ['reject_reason', 'reject_column', 'reject_row', 'reject_place'];

const MOST = 7; // offers at once: they are read, not scrolled
const NAME = /[A-Za-z_]\w*/y;
const PLAIN_NAME = /^[A-Za-z_]\w*$/;

/** The parts of an expression before the caret that are no text: [{kind: name | open | close | other, at, text}]; null inside a text. */
function tokens(text, caret) {
  const found = [];
  for (let at = 0; at < caret; ) {
    const letter = text[at];
    if (letter === "'" || letter === '"') {
      at = endOfText(text, at);
      if (at > caret) return null;
      found.push({ kind: 'other', at, text: letter });
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

/** {start, word}: the name that ends at the caret, '' where none is begun; null within a text or behind a number. */
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

// The beginning of the text that the caret is in.
function lastOutside(text, caret) {
  let at = caret;
  while (at > 0 && tokens(text, at) === null) at -= 1;
  return at;
}

/**
 * What a word may become: [{label, hint, insert}], columns first, then functions by their name, then by what other
 * languages call them. `functions`: as the server tells them; `columns`, `parameters`: names.
 */
export function offersFor(word, { functions, columns, parameters = [] }) {
  const sought = word.toLowerCase();
  const begins = (name) => name.toLowerCase().startsWith(sought) && name !== word;
  const ofColumns = columns.filter(begins).map((name) => ({ label: name, hint: 'column', insert: columnText(name) }));
  const ofParameters = parameters.filter((name) => begins(name) || 'param'.startsWith(sought)).map((name) => ({ label: `param("${name}")`, hint: 'parameter', insert: `param("${name}")` }));
  const named = functions.filter(({ name }) => name.startsWith(sought));
  const elsewhere = sought.length < 2 ? [] : functions.filter((one) => !named.includes(one) && one.also.some((name) => name.startsWith(sought)));
  const ofFunctions = [...named, ...elsewhere].map((one) => ({ label: one.signature, hint: one.help, insert: callText(one) }));
  return [...ofColumns, ...ofParameters, ...ofFunctions].slice(0, MOST);
}

/** How an expression names a column. */
export function columnText(name) {
  return PLAIN_NAME.test(name) ? name : `col(${JSON.stringify(name)})`;
}

function callText({ name, signature }) {
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
      if (edge.fromPort === REJECTED.name) for (const name of REJECT_COLUMNS) found.add(name);
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
