/**
 * What the server said of the columns between nodes, as the form and the graph show it. Pure.
 *
 * `told` is its answer: {nodes: [{id, outputs: [{port, columns: [{name, type}], all, more}]}], problems, unread: [{nodeId, message}]};
 * null: it said nothing yet. Of rows is known {columns, all, more}, or null: nothing was said.
 */

import { inputsOf } from '../../model/ports.js';
import { lineOf } from '../../parts/texts/one-line.js';

/** Columns that a text lists before it counts the others. */
const MOST_LISTED = 40;

/** What is known of the rows of an edge; one that names no output uses the first. */
export function columnsOfEdge(told, edge) {
  const outputs = told?.nodes.find(({ id }) => id === edge.from)?.outputs ?? [];
  return outputs.find(({ port }) => port === (edge.fromPort ?? '')) ?? ((edge.fromPort ?? '') === '' ? (outputs[0] ?? null) : null);
}

/** What is known of the rows that enter a node by an input; of several edges, the columns of all. */
export function columnsEntering(told, graph, types, id, port = '') {
  const node = graph.nodes.find((one) => one.id === id);
  const first = inputsOf(types.get(node?.type), node?.config)[0]?.name ?? '';
  const known = graph.edges.filter((edge) => edge.to === id && (edge.toPort ?? first) === (port === '' ? first : port)).map((edge) =>
    columnsOfEdge(told, edge)
  );
  const some = known.filter((one) => one !== null);
  if (some.length === 0) return null;
  const byName = new Map(some.flatMap(({ columns }) => columns).reverse().map((column) => [column.name, column]));
  const names = new Set(some.flatMap(({ columns }) => columns.map(({ name }) => name)));
  return {
    columns: [...names].map((name) => byName.get(name)),
    all: some.length === known.length && some.every(({ all }) => all),
    more: Math.max(...some.map(({ more }) => more)),
  };
}

/** Why nothing is known of what a source gives; '' where something is, or nothing was said. */
export function whyUnread(told, id) {
  return told?.unread.find(({ nodeId }) => nodeId === id)?.message ?? '';
}

/** "12 columns", "at least 2 columns", "columns not known". */
export function countText(known) {
  const count = known === null ? 0 : known.columns.length + known.more;
  if (count === 0) return known?.all ? 'no columns' : 'columns not known';
  return `${known.all ? '' : 'at least '}${count} column${count === 1 ? '' : 's'}`;
}

/** A line for each column: "amount numeric". `why`: nothing is known of its source. */
export function linesOf(known, why = '') {
  if (known === null || (known.columns.length === 0 && !known.all)) {
    return [why === '' ? 'Its columns are not known before a run.' : `Its columns are not known: ${why}`];
  }
  const listed = known.columns.slice(0, MOST_LISTED).map((
    { name, type },
  ) => (type === null ? `${lineOf(name)} (a run tells its type)` : `${lineOf(name)} ${type}`));
  const left = known.columns.length - listed.length + known.more;
  return [...listed, ...(left > 0 ? [`… and ${left} more`] : []), ...(known.all ? [] : ['… and others that only a run tells'])];
}

/** Problems of the validator, then those that only the columns tell; none twice. */
export function problemsOfBoth(checked, found) {
  const key = ({ nodeId, field, text, message }) => JSON.stringify(text === undefined ? [nodeId, field, message] : [nodeId, field, text]);
  const known = new Set(checked.map(key));
  return [...checked, ...found.filter((one) => !known.has(key(one)))];
}

/**
 * A graph in which a Map computes an expression of the rows that enter the node: {graph, id of the Map}; null where no
 * rows enter.
 */
export function withExpression(graph, id, expression) {
  const entering = graph.edges.filter(({ to }) => to === id);
  if (entering.length === 0) return null;
  const own = Math.max(0, ...graph.nodes.map((node) => node.id)) + 1;
  const map = { id: own, type: 'map', name: 'Value', config: { columns: [{ column: 'value', expression }], keep: 'none' } };
  const edges = entering.map(({ from, fromPort }) => (fromPort === undefined ? { from, to: own } : { from, fromPort, to: own }));
  return { graph: { ...graph, nodes: [...graph.nodes, map], edges: [...graph.edges, ...edges] }, id: own };
}

/** "10.5, NULL, 'a' …" of a preview's rows with one column. */
export function valuesText({ rows, truncated, types }) {
  const shown = rows.slice(0, 5).map((
    [value],
  ) => (value === null ? 'NULL' : typeof value === 'string' && types[0] === 'text' ? JSON.stringify(value) : String(value)));
  if (rows.length === 0) return `${types[0]}; no rows come`;
  return `${types[0]}: ${shown.join(', ')}${truncated || rows.length > shown.length ? ' …' : ''}`;
}
