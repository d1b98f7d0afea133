/** Nodes as text: what copy writes and paste reads. Pure. */

const MARK = 'playground-nodes';

/** Nodes that one paste takes: those that a job may have. */
export const MOST_NODES = 200;

export function asClipboardText(fragment) {
  return JSON.stringify({ [MARK]: 1, ...fragment }, null, 2);
}

/** {nodes, edges} from what copy wrote, from a job's JSON, or from one or more of its nodes, as they stand there; null for any other text. */
export function fromClipboardText(text) {
  const parsed = parse(text) ?? parse(`[${text.trim().replace(/,$/, '')}]`);
  const graph = Array.isArray(parsed) ? { nodes: parsed } : isNode(parsed) ? { nodes: [parsed] } : (parsed?.graph ?? parsed);
  if (!Array.isArray(graph?.nodes) || graph.nodes.length === 0) return null;
  if (!graph.nodes.every(isNode) || new Set(graph.nodes.map((node) => node.id)).size < graph.nodes.length) return null;
  const ids = new Set(graph.nodes.map((node) => node.id));
  const edges = Array.isArray(graph.edges) ? graph.edges : [];
  return { nodes: graph.nodes.map(complete), edges: edges.filter((edge) => ids.has(edge?.from) && ids.has(edge?.to)) };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isNode(node) {
  return Number.isInteger(node?.id) && typeof node.type === 'string';
}

function complete(node) {
  const { x, y } = node.position ?? {};
  const position = { x: Number.isFinite(x) ? x : 0, y: Number.isFinite(y) ? y : 0 };
  const config = node.config !== null && typeof node.config === 'object' ? node.config : {};
  return { ...node, name: typeof node.name === 'string' && node.name !== '' ? node.name : node.type, config, position };
}
