/**
 * Where nodes stand and how edges run, in pixels of the sheet. Pure.
 *
 * `right`: the flow goes left to right, at the graph's own positions when every node has one.
 * `down`: the flow goes top to bottom, for narrow windows; always laid out here, by the heights that cards have.
 */

export const NODE = { width: 208, height: 130 };

/** Where edges leave and enter a node when the flow goes right: beside its head, which never moves. */
const PORT_Y = 28;

/** Pixels from one port of a node to the next. */
export const PORT_STEP = 22;

const GAP = { right: { along: 84, across: 52 }, down: { along: 52, across: 24 } };
const MARGIN = 28;

/** Between cards at positions of a graph's own: at least this, with room for a number on the edge. */
const FREE = { x: 72, y: 36 };

/** Positions are drawn further apart when they were made for smaller cards, but not beyond this. */
const MOST_SPREAD = 3;

/** {direction, positions: Map id → {x, y}, heights, width, height}; `heights`: Map node id → pixels, where not NODE.height. */
export function layOut({ nodes, edges }, direction, heights = new Map()) {
  const placed = nodes.length > 0 && nodes.every((node) => isPosition(node.position));
  const positions = direction === 'right' && placed ? given(nodes) : layered(nodes, edges, direction, heights);
  return { direction, heights, ...shifted(positions) };
}

/** Ids in the order of the flow: what comes before is named before. Nodes in cycles come last. */
export function flowOrder({ nodes, edges }) {
  const rank = ranks(nodes, edges);
  const place = new Map(nodes.map((node, index) => [node.id, index]));
  return nodes.map((node) => node.id).sort((a, b) => rank.get(a) - rank.get(b) || place.get(a) - place.get(b));
}

/** The same for nodes that stand where a person put them, however close; those without a place come below. */
export function standing({ nodes, edges }) {
  if (!nodes.some((node) => isPosition(node.position))) return layOut({ nodes, edges }, 'right');
  const positions = new Map(nodes.filter((node) => isPosition(node.position)).map(({ id, position }) => [id, position]));
  const low = Math.max(...[...positions.values()].map(({ y }) => y)) + NODE.height + GAP.right.across;
  const left = Math.min(...[...positions.values()].map(({ x }) => x));
  nodes.filter((node) => !positions.has(node.id)).forEach(({ id }, place) => positions.set(id, { x: left + place * (NODE.width + GAP.right.along), y: low }));
  return { direction: 'right', positions, heights: new Map() };
}

/**
 * {path, label: {x, y}, room}: the curve, where its number stands, and the free length for it. An end is a node's id,
 * or {id, place, of}: which of how many ports it is.
 */
export function edgeLine({ direction, positions, heights }, from, to) {
  const [left, entered] = [endOf(from), endOf(to)];
  const a = leaves(positions.get(left.id), direction, heights.get(left.id), left);
  const b = enters(positions.get(entered.id), direction, entered);
  return {
    path: curve(a, b, direction),
    label: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 },
    room: direction === 'right' ? b.x - a.x : Infinity,
  };
}

/** The line from a point where rows leave to one where they enter. */
export function curve(a, b, direction) {
  const reach = Math.max(28, Math.abs(direction === 'right' ? b.x - a.x : b.y - a.y) / 2);
  const [c, d] = direction === 'right' ? [{ x: a.x + reach, y: a.y }, { x: b.x - reach, y: b.y }] : [{ x: a.x, y: a.y + reach }, { x: b.x, y: b.y - reach }];
  return `M${a.x} ${a.y}C${c.x} ${c.y} ${d.x} ${d.y} ${b.x} ${b.y}`;
}

function endOf(end) {
  return typeof end === 'object' ? end : { id: end, ...FIRST };
}

const FIRST = { place: 0, of: 1 };

/** Where edges leave a node at a place, by which of its ports. */
export function leaves({ x, y }, direction, height = NODE.height, port = FIRST) {
  return direction === 'right' ? { x: x + NODE.width, y: y + portY(port) } : { x: x + portX(port), y: y + height };
}

/** Where edges enter a node at a place, by which of its ports. */
export function enters({ x, y }, direction, port = FIRST) {
  return direction === 'right' ? { x, y: y + portY(port) } : { x: x + portX(port), y };
}

/** Pixels from a card's top to a port at its side. */
export function portY({ place }) {
  return PORT_Y + place * PORT_STEP;
}

// In the middle of the side that all ports share.
function portX({ place, of }) {
  return (NODE.width * (place + 1)) / (of + 1);
}

function isPosition(position) {
  return Number.isFinite(position?.x) && Number.isFinite(position?.y);
}

function given(nodes) {
  const spread = spreadFor(nodes.map((node) => node.position));
  return new Map(nodes.map(({ id, position }) => [id, { x: position.x * spread.x, y: position.y * spread.y }]));
}

// How much wider and higher the drawing must be for no two cards to touch: the arrangement stays as it was made.
function spreadFor(positions) {
  const [stepX, stepY] = [NODE.width + FREE.x, NODE.height + FREE.y];
  const spread = { x: 1, y: 1 };
  positions.forEach((a, index) => {
    for (const b of positions.slice(index + 1)) {
      const [x, y] = [Math.abs(a.x - b.x) / stepX, Math.abs(a.y - b.y) / stepY];
      if (x >= 1 || y >= 1 || (x === 0 && y === 0)) continue;
      const axis = x >= y ? 'x' : 'y';
      spread[axis] = Math.min(MOST_SPREAD, Math.max(spread[axis], 1 / Math.max(x, y)));
    }
  });
  return spread;
}

// Each node one layer after the last of those that feed it; within a layer in the order of those, so that edges cross little.
function layered(nodes, edges, direction, heights) {
  const rank = ranks(nodes, edges);
  const layers = [];
  for (const { id } of nodes) (layers[rank.get(id)] ??= []).push(id);
  const widest = Math.max(0, ...layers.map((layer) => layer.length));
  const places = new Map(); // id → place across, once its layer is in order
  const positions = new Map();
  let along = 0; // pixels
  layers.forEach((layer) => {
    const offset = (widest - layer.length) / 2;
    inOrderOfFeeders(layer, edges, places).forEach((id, place) => {
      places.set(id, place + offset);
      positions.set(id, cell(along, place + offset, direction));
    });
    along += direction === 'right' ? NODE.width + GAP.right.along : Math.max(...layer.map((id) => heights.get(id) ?? NODE.height)) + GAP.down.along;
  });
  return positions;
}

function inOrderOfFeeders(layer, edges, places) {
  const middle = new Map(layer.map((id, index) => {
    const feeders = edges.filter(({ from, to }) => to === id && places.has(from)).map(({ from }) => places.get(from));
    return [id, feeders.length === 0 ? index : feeders.reduce((a, b) => a + b) / feeders.length];
  }));
  return [...layer].sort((a, b) => middle.get(a) - middle.get(b));
}

function cell(along, across, direction) {
  const gap = GAP[direction];
  return direction === 'right' ? { x: along, y: across * (NODE.height + gap.across) } : { x: across * (NODE.width + gap.across), y: along };
}

// The longest way from a source, by edge; a cycle is cut where it closes.
function ranks(nodes, edges) {
  const feeds = new Map(nodes.map((node) => [node.id, []]));
  for (const { from, to } of edges) if (feeds.has(from)) feeds.get(to)?.push(from);
  const rank = new Map();
  const visit = (id, trail) => {
    if (rank.has(id)) return rank.get(id);
    if (trail.has(id)) return -1;
    trail.add(id);
    const found = 1 + Math.max(-1, ...feeds.get(id).map((before) => visit(before, trail)));
    trail.delete(id);
    rank.set(id, found);
    return found;
  };
  for (const { id } of nodes) visit(id, new Set());
  return rank;
}

function shifted(positions) {
  const xs = [...positions.values()].map((position) => position.x);
  const ys = [...positions.values()].map((position) => position.y);
  if (xs.length === 0) return { positions, width: 0, height: 0 };
  const [left, top] = [Math.min(...xs) - MARGIN, Math.min(...ys) - MARGIN];
  const moved = new Map([...positions].map(([id, { x, y }]) => [id, { x: x - left, y: y - top }]));
  return {
    positions: moved,
    width: Math.max(...xs) - left + NODE.width + MARGIN,
    height: Math.max(...ys) - top + NODE.height + MARGIN + PORT_Y,
  };
}
