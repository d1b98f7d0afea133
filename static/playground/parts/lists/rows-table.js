/** Rows as a table: in a preview, of an output, around the row at which a node failed. */

import { element, ownTextElement } from '../dom.js';
import { lineOf } from '../texts/one-line.js';

/** The rows as a table that counts them from `first` + 1 on. */
export function rowsTable({ columns, types = [], rows }, first = 0) {
  const head = element('tr', '', headCell('#'), ...columns.map((column, place) => columnCell(column, types[place])));
  const body = rows.map((row, place) => element('tr', '', numberCell(first + place + 1), ...row.map((value, at) => cell(value, types[at]))));
  const made = element('table', 'rows', element('thead', '', head), element('tbody', '', ...body));
  made.translate = false;
  return made;
}

function headCell(text) {
  const made = element('th', '', text);
  made.scope = 'col';
  return made;
}

// The name, and below it what the column holds: small, since one looks at values first.
function columnCell(column, type) {
  const made = headCell(lineOf(column));
  made.dir = 'auto';
  if (type === undefined) return made;
  if (isNumber(null, type)) made.classList.add('is-number');
  const told = element('span', 'rows-type', type);
  told.title = type;
  made.append(told);
  return made;
}

function numberCell(number) {
  const made = element('th', 'rows-number', String(number));
  made.scope = 'row';
  return made;
}

// Numbers that JavaScript would round come as text; what a column holds tells them from codes.
function isNumber(value, type) {
  return typeof value === 'number' || ['integer', 'numeric', 'double'].includes(type) || Boolean(type?.startsWith('decimal('));
}

function cell(value, type) {
  if (value === null) return element('td', 'is-null', 'NULL');
  const shown = lineOf(value);
  const made = isNumber(value, type) ? element('td', 'is-number', shown) : ownTextElement('td', '', shown);
  if (typeof value === 'string' && (value.length > 40 || shown !== value)) made.title = value;
  return made;
}
