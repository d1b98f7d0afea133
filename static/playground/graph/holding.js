/** Which nodes hold the others: rows have come to them, and none has come out of them yet. Pure. */

import { isReject } from '../model/ports.js';

/** Seconds that a node may take for its first rows until it is told: most take none. */
const PATIENCE = 3;

const AT_WORK = new Set(['running', 'stalled']);

const neighbours = new WeakMap(); // graph → {before, after}: Maps of node id → ids, without edges of rejected rows

/**
 * Map node id → ids of the nodes after it, which have no row yet. A node holds them while it works and has given none, though
 * whoever feeds it has. Nodes that only get its rejected rows do not wait. `viewOf(id)`: a node's view; `now`: epoch seconds.
 */
export function holding(graph, viewOf, now) {
  const holds = new Map();
  const { before, after } = neighboursIn(graph);
  for (const { id } of graph.nodes) {
    const next = after.get(id);
    if (next.length === 0 || !givesNothing(viewOf(id), now)) continue;
    if (!before.get(id).every((one) => viewOf(one).rowCount > 0) || !next.every((one) => hasNothing(viewOf(one)))) continue;
    const all = reached(id, after);
    if (all.every((one) => hasNothing(viewOf(one)))) holds.set(id, all);
  }
  return holds;
}

function givesNothing({ state, rowCount, startedAt }, now) {
  return AT_WORK.has(state) && rowCount === 0 && (startedAt === null || now - startedAt >= PATIENCE);
}

function hasNothing({ state, rowCount }) {
  return rowCount === 0 && (state === 'idle' || AT_WORK.has(state));
}

function neighboursIn(graph) {
  if (!neighbours.has(graph)) {
    const flow = graph.edges.filter((edge) => !isReject(graph, edge));
    const told = (mine, other) => new Map(graph.nodes.map(({ id }) => [id, flow.filter((edge) => edge[mine] === id).map((edge) => edge[other])]));
    neighbours.set(graph, { before: told('to', 'from'), after: told('from', 'to') });
  }
  return neighbours.get(graph);
}

function reached(id, after) {
  const found = new Set();
  const waiting = [...after.get(id)];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (one === id || found.has(one)) continue;
    found.add(one);
    waiting.push(...(after.get(one) ?? []));
  }
  return [...found];
}

/** "2 nodes wait for its rows". */
export function holdsText(after) {
  return after.length === 1 ? '1 node waits for its rows' : `${after.length} nodes wait for its rows`;
}
