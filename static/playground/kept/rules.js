/** When a run can begin again at a node, as far as the page knows: the server looks, too, at what has changed since. Pure. */

/** Why it cannot, a sentence; null where it can. `kept`: of the run; `graph`: that is shown. */
export function whyNotFrom(nodeId, kept, graph) {
  if (kept === null) return 'The run kept nothing to begin with.';
  if (kept.deleted) return 'The job cannot run again from here: what this run kept is deleted.';
  const feeders = new Set(graph.edges.filter(({ to }) => to === nodeId).map(({ from }) => from));
  if (feeders.size === 0) return 'Nothing comes before this node: execute the whole job.';
  for (const id of feeders) {
    const name = graph.nodes.find((node) => node.id === id)?.name ?? `node ${id}`;
    const of = kept.nodes.find((node) => node.nodeId === id);
    if (of === undefined) return `The job cannot run again from here: nothing was kept of ${name}.`;
    if (of.reason !== null) return `The job cannot run again from here: what ${name} gave was not kept, because ${of.reason}.`;
  }
  return null;
}

/** What the list of figures tells of each column: [{name, type, nulls, min, max}], texts; `page`: as the server sends it. */
export function figuresOf({ columns, types, figures }) {
  return columns.map((name, place) => {
    const { nulls, min, max } = figures[place];
    return { name, type: types[place], nulls: nulls.toLocaleString('en'), min: shown(min), max: shown(max) };
  });
}

function shown(value) {
  return value === null ? '–' : String(value);
}
