/** Two runs of a job side by side: what each node did, and which settings, and values of parameters, differ. Pure. */

import { isSame } from '../../parts/same-json.js';

/**
 * `one`, `other`: {graph, state: the JobState at the run's end, values: of its parameters, {name: text or null}}. Returns {nodes: [{nodeId, names, one, other}], settings}: `one` and `other` of a node
 * are its views, null where the run's graph does not have it; `settings`: [{nodeId, name, field, one, other}] with the values, undefined of what is missing.
 */
export function compared(one, other) {
  const ids = [...new Set([...one.graph.nodes, ...other.graph.nodes].map(({ id }) => id))];
  const nodes = ids.map((nodeId) => ({ nodeId, name: nameOf(nodeId, other, one), one: viewIn(one, nodeId), other: viewIn(other, nodeId) }));
  return { nodes, settings: [...valuesOf(one, other), ...ids.flatMap((id) => settingsOf(id, one, other)), ...edgesOf(one, other)] };
}

/** The run that one is compared with first, of a list with the newest first: the one before it that has ended, else the newest that has; or undefined. */
export function comparedWith(runs, runId) {
  const ended = runs.filter((run) => run.endedAt !== null && run.runId !== runId);
  const at = runs.findIndex((run) => run.runId === runId);
  return (at < 0 ? undefined : ended.find((run) => runs.indexOf(run) > at)) ?? ended[0];
}

/** The rows that a node had; null of one that is not there, or did not run. */
export function rowsOfNode(view) {
  return view === null || !view.heard ? null : view.rowCount;
}

/** How long a node took, in seconds; null where its beginning or its end is not known. */
export function tookOf(view) {
  return view === null || view.startedAt === null || view.endedAt === null ? null : view.endedAt - view.startedAt;
}

function nodeIn({ graph }, nodeId) {
  return graph.nodes.find(({ id }) => id === nodeId) ?? null;
}

function nameOf(nodeId, ...runs) {
  return runs.map((run) => nodeIn(run, nodeId)?.name).find(Boolean) ?? `Node ${nodeId}`;
}

function viewIn(run, nodeId) {
  return nodeIn(run, nodeId) === null ? null : run.state.node(nodeId);
}

// Of a node that only one of them has, that it is there says all.
function settingsOf(nodeId, one, other) {
  const [before, after] = [nodeIn(one, nodeId), nodeIn(other, nodeId)];
  const name = nameOf(nodeId, other, one);
  if (before === null || after === null) return [{ nodeId, name, field: 'node', one: before?.type, other: after?.type }];
  const flat = ({ name: called, type, config }) => ({ name: called, type, ...config });
  const [was, is] = [flat(before), flat(after)];
  const fields = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return fields.filter((field) => !isSame(was[field], is[field])).map((field) => ({ nodeId, name, field, one: was[field], other: is[field] }));
}

function valuesOf({ values: was }, { values: is }) {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return names.filter((name) => !isSame(was[name], is[name])).map((name) => ({ nodeId: null, name, field: 'parameter', one: was[name], other: is[name] }));
}

function edgesOf(one, other) {
  const told = (run, { from, to, fromPort, toPort }) => `${end(run, from, fromPort)} → ${end(run, to, toPort)}`;
  const end = (run, id, port) => nameOf(id, run) + (port ? ` (${port})` : '');
  const keyed = (run) =>
    new Map(run.graph.edges.map((edge) => [JSON.stringify([edge.from, edge.to, edge.fromPort ?? null, edge.toPort ?? null]), told(run, edge)]));
  const [was, is] = [keyed(one), keyed(other)];
  const gone = [...was].filter(([key]) => !is.has(key)).map(([, text]) => ({ nodeId: null, name: text, field: 'edge', one: 'there', other: undefined }));
  const added = [...is].filter(([key]) => !was.has(key)).map(([, text]) => ({ nodeId: null, name: text, field: 'edge', one: undefined, other: 'there' }));
  return [...gone, ...added];
}
