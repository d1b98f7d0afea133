/** What is known of a failure, from the fields of its node's progress and the graph: no wording is read. Pure. */

import { isRejecting, outputsOf, REJECTED } from '../model/ports.js';
import { asSentence, formatCount } from '../parts/texts/text.js';

/** What of a row is at fault is shown in this order: [{name, value, isAtFault}]; `value` null: NULL. Of a row without cells, what the node looked up in it. */
export function cellsOf(row, fault) {
  const cells = row.cells.length > 0 ? row.cells : Object.entries(row.values);
  const columns = new Set(fault?.columns ?? []);
  return cells.map(([name, value]) => ({ name, value, isAtFault: columns.has(name) }));
}

/** The name of the field of the node's form that the failure is about; null where that is not known. `type`: the node's, or undefined. */
export function fieldAtFault(type, config, fault) {
  const fields = type?.fields ?? [];
  if (fault === null) return null;
  if (fields.some(({ name }) => name === fault.field)) return fault.field;
  if (fault.text !== null) return fields.find(({ name }) => holds(config?.[name], fault.text))?.name ?? null;
  const ofColumns = fields.find(({ kind }) => kind === 'types');
  return fault.columns.length > 0 && ofColumns !== undefined ? ofColumns.name : null;
}

/** Whether a field holds what it held when the run failed. `before`: the configuration of then. */
export function isStanding(field, before, config) {
  return JSON.stringify(before?.[field] ?? null) === JSON.stringify(config?.[field] ?? null);
}

/** Whether bad rows of a node may be given a way out that they do not have yet. */
export function canReject(graph, types, id) {
  const node = graph.nodes.find((one) => one.id === id);
  return node !== undefined && outputsOf(types.get(node.type), node.config).includes(REJECTED) && !isRejecting(graph, types, id);
}

/** Whether rows come to a node from others, so that those before it can be looked at. */
export function hasRowsBefore(graph, id) {
  return graph.edges.some(({ to }) => to === id);
}

/** The values of a run's parameters that the graph still takes; null where it takes none. */
export function valuesFor(declared, values) {
  if (declared.length === 0) return null;
  const known = declared.map(({ name }) => name).filter((name) => Object.hasOwn(values ?? {}, name));
  return Object.fromEntries(known.map((name) => [name, values[name]]));
}

/** Where the row at fault stands, {place, number}: as its source names its rows, and, where the node reads it through others, which of its rows it is. */
export function placeText({ place, number }, isRead) {
  const own = place === '' ? '' : asSentence(place);
  const isNumber = own === '' || own === `Row ${formatCount(number)}.`; // a database has no other name for it
  if (!isRead) return own;
  return isNumber ? `Row ${formatCount(number)} of its source.` : `${own} Row ${formatCount(number)} of its source.`;
}

/** How the rows around the one at fault are counted: "−2", "5,003", "+1". `at`: its place among them. */
export function countsAround(rows, at, number) {
  return Array.from({ length: rows }, (_, place) => (place === at ? number.toLocaleString('en') : place < at ? `−${at - place}` : `+${place - at}`));
}

function holds(value, text) {
  if (typeof value === 'string') return value === text;
  return typeof value === 'object' && value !== null && Object.values(value).some((part) => holds(part, text));
}
