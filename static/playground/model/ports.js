/**
 * The ports of a node: where edges enter and leave it. Most types have one input and one output, which have no names;
 * a type with several names them (`inputs`, `outputs`), or lets a field of the node name them (`inputsIn`, `outputsIn`). A type that
 * `rejects` has one more output, for rows that fail, beside those of its own. Pure.
 *
 * An edge is {from, to, fromPort?, toPort?}. One that names no port of several uses the first.
 */

const UNNAMED = Object.freeze([Object.freeze({ name: '', label: '' })]);

/** The output for rows that fail; it is drawn where it leads somewhere, or may be made to. */
export const REJECTED = Object.freeze({ name: 'rejected', label: 'rejected' });

/** [{name, label}], in order; one without a name where the type has no several. */
export function inputsOf(type, config) {
  if (type?.hasInput === false) return [];
  return named([...given(type, type?.inputsIn, config), ...(type?.inputs ?? [])]);
}

/** The same of the outputs of a node of this type. */
export function outputsOf(type, config) {
  const own = ownOutputsOf(type, config);
  const isFree = own.every(({ name }) => name !== REJECTED.name); // a node's settings may give the name to another one
  return type?.rejects === true && isFree ? [...own, REJECTED] : own;
}

function ownOutputsOf(type, config) {
  if (type?.hasOutput === false) return [];
  return named([...given(type, type?.outputsIn, config), ...(type?.outputs ?? [])]);
}

function given(type, field, config) {
  const names = entriesOf(type, field, config).map((entry) => String(entry?.port ?? ''));
  return names.map((name) => ({ name, label: name }));
}

/** The entries of a field, or of its default, which name ports by their member `port`; none where the field is null. */
export function entriesOf(type, field, config) {
  if ((field ?? null) === null) return [];
  const entries = config?.[field] ?? type.fields?.find(({ name }) => name === field)?.default;
  return Array.isArray(entries) ? entries : [];
}

function named(ports) {
  return ports.length === 0 ? UNNAMED : ports;
}

/** The place of a port among the others; the first where it is not named, or not there. */
export function placeOf(ports, name) {
  return Math.max(0, ports.findIndex((port) => port.name === (name ?? '')));
}

/** Whether rows that the node rejects lead somewhere. */
export function isRejecting(graph, types, id) {
  const node = graph.nodes.find((one) => one.id === id);
  const leaves = graph.edges.some(({ from, fromPort }) => from === id && fromPort === REJECTED.name);
  return leaves && outputsOf(types.get(node?.type), node?.config).includes(REJECTED);
}

/** The same of one edge, where the types of nodes are not at hand: unless a node's settings name another output so. */
export function isReject(graph, { from, fromPort }) {
  const config = graph.nodes.find(({ id }) => id === from)?.config ?? {};
  const named = Object.values(config).flatMap((value) => (Array.isArray(value) ? value : [])).some((entry) => entry?.port === REJECTED.name);
  return fromPort === REJECTED.name && !named;
}

/** What identifies an edge in a graph. */
export function edgeKey({ from, to, fromPort = '', toPort = '' }) {
  const ends = `${from}>${to}`;
  return fromPort === '' && toPort === '' ? ends : `${ends} ${JSON.stringify([fromPort, toPort])}`;
}

/**
 * An edge with its ports named where the nodes have several: what `wanted`, {from, to, fromPort?, toPort?}, leaves open
 * is the first output, and the first input that no edge enters yet.
 */
export function completed(graph, types, wanted) {
  const node = (id) => graph.nodes.find((one) => one.id === id);
  const [source, target] = [node(wanted.from), node(wanted.to)];
  const outputs = outputsOf(types.get(source?.type), source?.config);
  const inputs = inputsOf(types.get(target?.type), target?.config);
  const entered = new Set(graph.edges.filter(({ to }) => to === wanted.to).map(({ toPort }) => inputs[placeOf(inputs, toPort)]?.name));
  const free = inputs.find(({ name }) => !entered.has(name)) ?? inputs[0];
  return edge(wanted, wanted.fromPort ?? outputs[0]?.name, wanted.toPort ?? free?.name);
}

function edge({ from, to }, fromPort, toPort) {
  const made = { from, to };
  if ((fromPort ?? '') !== '') made.fromPort = fromPort;
  if ((toPort ?? '') !== '') made.toPort = toPort;
  return made;
}
