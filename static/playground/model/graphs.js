/**
 * What can be asked of a graph, and what a change makes of it. Pure: graphs are never changed in place.
 *
 * A graph is {nodes: [{id, type, name, config, position: {x, y}, …}], edges: [{from, to, fromPort?, toPort?, …}], …}. Members that
 * this page does not know pass through untouched.
 *
 * @typedef {{ from: number, to: number, fromPort?: string | null, toPort?: string | null }} Edge
 */

import { completed, edgeKey, REJECTED } from './ports.js';

/** Pixels: where a dragged node comes to stand. */
export const GRID = 8;

export function nodeOf(graph, id) {
  return graph.nodes.find((node) => node.id === id);
}

/** The parameters of a graph that may have any error: those that are objects. */
export function parametersOf(graph) {
  const found = Array.isArray(graph?.parameters) ? graph.parameters : [];
  return found.filter((one) => typeof one === 'object' && one !== null && typeof one.name === 'string');
}

export function hasEdge(graph, edge) {
  return graph.edges.some((other) => edgeKey(other) === edgeKey(edge));
}

export function addNode(graph, node) {
  return { ...graph, nodes: [...graph.nodes, node] };
}

/** Without these nodes, their edges, and the edges with these keys. */
export function without(graph, nodeIds, edgeKeys = new Set()) {
  const nodes = graph.nodes.filter((node) => !nodeIds.has(node.id));
  const edges = graph.edges.filter((edge) => !nodeIds.has(edge.from) && !nodeIds.has(edge.to) && !edgeKeys.has(edgeKey(edge)));
  return nodes.length === graph.nodes.length && edges.length === graph.edges.length ? graph : { ...graph, nodes, edges };
}

export function connected(graph, edge) {
  return hasEdge(graph, edge) ? graph : { ...graph, edges: [...graph.edges, edge] };
}

export function moved(graph, nodeIds, dx, dy) {
  if (dx === 0 && dy === 0) return graph;
  return withNodes(graph, nodeIds, (node) => ({ ...node, position: { x: node.position.x + dx, y: node.position.y + dy } }));
}

/** Each node at its place of `positions`, Map id → {x, y}. */
export function placed(graph, positions) {
  const whole = ({ x, y }) => ({ x: Math.round(x), y: Math.round(y) });
  return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, position: whole(positions.get(node.id)) })) };
}

export function renamed(graph, id, name) {
  return withNodes(graph, new Set([id]), (node) => ({ ...node, name }));
}

/** With one field of a node's configuration at another value; `undefined` takes it away. */
export function configured(graph, id, field, value) {
  return withNodes(graph, new Set([id]), (node) => {
    const config = { ...node.config, [field]: value };
    if (value === undefined) delete config[field];
    return { ...node, config };
  });
}

/** With another configuration of a node as a whole. */
export function configuredAs(graph, id, config) {
  return withNodes(graph, new Set([id]), (node) => ({ ...node, config }));
}

/** The nodes with these ids and the edges between them, for the clipboard. */
export function fragmentOf(graph, nodeIds) {
  return {
    nodes: graph.nodes.filter((node) => nodeIds.has(node.id)),
    edges: graph.edges.filter((edge) => nodeIds.has(edge.from) && nodeIds.has(edge.to)),
  };
}

/** {graph, ids}: with the fragment's nodes under ids from `firstId` on, moved by `offset`. */
export function withFragment(graph, fragment, firstId, offset) {
  const ids = new Map(fragment.nodes.map((node, index) => [node.id, firstId + index]));
  const nodes = fragment.nodes.map((node) => ({
    ...node,
    id: ids.get(node.id),
    position: { x: node.position.x + offset.x, y: node.position.y + offset.y },
  }));
  const edges = fragment.edges.map((edge) => ({ ...edge, from: ids.get(edge.from), to: ids.get(edge.to) }));
  const names = new Set(graph.nodes.map((node) => node.name));
  const named = nodes.map((node) => ({ ...node, name: freeName(node.name, names) }));
  return { graph: { ...graph, nodes: [...graph.nodes, ...named], edges: [...graph.edges, ...edges] }, ids: [...ids.values()] };
}

/** `wanted`, or "wanted 2", "wanted 3" … when that is taken; the name found is added to `taken`. */
export function freeName(wanted, taken) {
  const stem = wanted.replace(/ \d+$/, '');
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${stem} ${number}`;
  taken.add(name);
  return name;
}

/**
 * Why no edge can lead from one node to the other, as a sentence; null when it can. `edge`: {from, to, fromPort?,
 * toPort?}; `types`: Map name → node type.
 */
export function whyNoEdge(graph, types, edge) {
  const { from, to } = edge;
  const [source, target] = [nodeOf(graph, from), nodeOf(graph, to)];
  if (source === undefined || target === undefined) return 'That node is not there.';
  if (from === to) return 'A node cannot feed itself.';
  if (types.get(source.type)?.hasOutput === false && !leavesByReject(types.get(source.type), edge)) return `${source.name} gives no rows.`;
  if (types.get(target.type)?.hasInput === false) return `${target.name} takes no rows.`;
  if (hasEdge(graph, completed(graph, types, edge))) return 'They are connected already.';
  if (leadsTo(graph, to, from)) return `${target.name} already leads to ${source.name}: this would be a cycle.`;
  return null;
}

// An output gives no rows but those that it rejects, and these only where it is said.
function leavesByReject(type, { fromPort }) {
  return type.rejects === true && fromPort === REJECTED.name;
}

/** Whether rows get from one node to the other. */
export function leadsTo(graph, from, to) {
  const seen = new Set();
  const waiting = [from];
  while (waiting.length > 0) {
    const id = waiting.pop();
    if (id === to) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    for (const edge of graph.edges) if (edge.from === id) waiting.push(edge.to);
  }
  return false;
}

/** A free place at or under `wanted`, so that a new node hides no other. */
export function freePlace(graph, { x, y }, size) {
  const taken = (place) => graph.nodes.some(({ position }) => Math.abs(position.x - place.x) < size.width && Math.abs(position.y - place.y) < size.height);
  const place = { x: snapped(x), y: snapped(y) };
  while (taken(place)) place.y += GRID;
  return place;
}

export function snapped(number) {
  return Math.round(number / GRID) * GRID;
}

function withNodes(graph, nodeIds, change) {
  return { ...graph, nodes: graph.nodes.map((node) => (nodeIds.has(node.id) ? change(node) : node)) };
}
