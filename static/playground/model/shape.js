/**
 * The graph of a job as the page can hold it. The server stores a graph with any error, so that a draft can be kept; here
 * nodes are objects with whole ids of their own, whose names and types are texts and whose `config` is an object, and
 * edges lead from node to node. Pure.
 */

/** {graph, odd}: the graph without what has no shape, and a sentence for each thing that was left out. */
export function shaped(stored) {
  const odd = [];
  const from = isObject(stored) ? stored : {};
  const nodes = shapedNodes(listOf(from, 'nodes', odd), odd);
  const edges = shapedEdges(listOf(from, 'edges', odd), new Set(nodes.map((node) => node.id)), odd);
  return { graph: { ...from, nodes, edges }, odd };
}

function shapedNodes(entries, odd) {
  const nodes = new Map();
  entries.forEach((entry, index) => {
    if (!isObject(entry) || !Number.isSafeInteger(entry.id)) odd.push(`entry ${index + 1} of nodes is no node with an id`);
    else if (nodes.has(entry.id)) odd.push(`the id ${entry.id} is there more than once`);
    else nodes.set(entry.id, shapedNode(entry, odd));
  });
  return [...nodes.values()];
}

function shapedNode(node, odd) {
  return { ...node, type: textOf(node, 'type', odd), name: textOf(node, 'name', odd), config: shapedConfig(node, odd) };
}

// To the server, a member that is null is one that is missing.
function textOf(node, member, odd) {
  const text = node[member] ?? '';
  if (typeof text === 'string') return text;
  odd.push(`the ${member} of node ${node.id} is no text`);
  return '';
}

function shapedConfig({ id, config: given }, odd) {
  const config = given ?? {};
  if (!isObject(config)) {
    odd.push(`the settings of node ${id} are no object`);
    return {};
  }
  return ['columns', 'types'].reduce((now, name) => withEntries(now, name, id, odd), config);
}

// What the page draws line by line: each entry is an object.
function withEntries(config, name, id, odd) {
  const entries = config[name];
  if (!Array.isArray(entries) || entries.every(isObject)) return config;
  odd.push(`a column of node ${id} is no object`);
  return { ...config, [name]: entries.filter(isObject) };
}

function shapedEdges(entries, ids, odd) {
  return entries.filter((edge, index) => {
    const leads = isObject(edge) && ids.has(edge.from) && ids.has(edge.to);
    if (!leads) odd.push(`entry ${index + 1} of edges does not lead from node to node`);
    return leads;
  });
}

function listOf(graph, name, odd) {
  const found = graph[name];
  if (found === undefined || Array.isArray(found)) return found ?? [];
  odd.push(`${name} is no list`);
  return [];
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
