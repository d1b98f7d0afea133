/**
 * What people call the parts of a graph, in what is said and read out. Pure.
 */

import { nodeOf } from './graphs.js';

/** The name of a node; of one that is gone, its number. */
export function nameIn(graph, id) {
  return nodeOf(graph, id)?.name ?? `node ${id}`;
}

/** “Split (large)”: a node's name with its port, where that has a name. */
export function withPort(name, port) {
  return (port ?? '') === '' ? name : `${name} (${port})`;
}

/** “3 nodes”, “a connection”; one node by its name. `nodes`, `edges`: Sets. */
export function partsText(graph, nodes, edges) {
  if (nodes.size === 1) return nameIn(graph, [...nodes][0]);
  if (nodes.size > 1) return `${nodes.size} nodes`;
  return edges.size === 1 ? 'a connection' : `${edges.size} connections`;
}

/** { x: 16, y: -8 } → “ 16 right, 8 up” */
export function farText(x, y) {
  const parts = [x > 0 ? `${x} right` : x < 0 ? `${-x} left` : '', y > 0 ? `${y} down` : y < 0 ? `${-y} up` : ''];
  return ` ${parts.filter((part) => part !== '').join(', ')}`;
}
