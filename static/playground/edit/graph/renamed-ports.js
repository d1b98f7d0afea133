/**
 * Edges follow the ports that a setting of their node names, as the branches of a Split do. A name is written letter by letter: on the way it may
 * be none, or that of another port, and the edges stay at the one that they had, until it is the port's own. No DOM.
 */

import { nodeOf } from '../../model/graphs.js';
import { entriesOf, REJECTED } from '../../model/ports.js';

const SIDES = {
  in: { setting: 'inputsIn', fixed: 'inputs', end: 'to', port: 'toPort' },
  out: { setting: 'outputsIn', fixed: 'outputs', end: 'from', port: 'fromPort' },
};

export class RenamedPorts {
  // A node's settings, as they once were → {in, out}: the names by which edges know its ports. Undo brings the same ones back; a move keeps them.
  #known = new WeakMap();

  /** The graph `after` a change of a node's settings, with its edges at the new names of its ports. */
  followed(before, after, type, id) {
    const [was, is] = [nodeOf(before, id), nodeOf(after, id)];
    const known = {};
    let graph = after;
    for (const [side, { setting, end, port }] of Object.entries(SIDES)) {
      const carried = new Set(graph.edges.filter((edge) => edge[end] === id).map((edge) => edge[port] ?? ''));
      const rejects = side === 'out' && type?.rejects === true;
      const last = knownNames(namesOf(type, side, was), carried, this.#known.get(was.config)?.[side], rejects);
      const kept = inPlace(last, entriesOf(type, type?.[setting], was.config), entriesOf(type, type?.[setting], is.config));
      known[side] = nextNames(namesOf(type, side, is), kept, carried, rejects);
      const now = new Map(kept.map((name, place) => [name, known[side][place]]));
      const follows = (edge) => edge[end] === id && (edge[port] ?? '') !== '' && (now.get(edge[port]) ?? edge[port]) !== edge[port];
      if (graph.edges.some(follows)) graph = { ...graph, edges: graph.edges.map((edge) => (follows(edge) ? { ...edge, [port]: now.get(edge[port]) } : edge)) };
    }
    this.#known.set(is.config, known);
    return graph;
  }
}

function namesOf(type, side, { config }) {
  const { setting, fixed } = SIDES[side];
  return [...entriesOf(type, type?.[setting], config).map((entry) => String(entry?.port ?? '')), ...(type?.[fixed] ?? []).map(({ name }) => name)];
}

function isOwn(name, names) {
  return name !== '' && names.indexOf(name) === names.lastIndexOf(name);
}

/**
 * The names by which edges, which carry `carried`, know the ports; '' for none. Where nothing is remembered, as after a reload, the one port that
 * has no name of its own is known by the one name that edges carry and no port has.
 */
function knownNames(names, carried, remembered, rejects) {
  const lost = [...carried].filter((name) => name !== '' && !names.includes(name) && !(rejects && name === REJECTED.name));
  const isClear = remembered === undefined && lost.length === 1 && names.filter((name) => !isOwn(name, names)).length === 1;
  return names.map((name, place) => {
    const had = remembered?.[place] ?? '';
    if (had !== '') return had;
    if (isOwn(name, names)) return name;
    return isClear ? lost[0] : '';
  });
}

// Of the ports as they are now: entries that were added or removed move those behind them; one that was written in stands where it stood.
function inPlace(last, before, after) {
  const fixed = last.slice(before.length);
  const placeOf = (entry, place) => (before.length === after.length ? place : before.indexOf(entry));
  return [...after.map((entry, place) => last[placeOf(entry, place)] ?? ''), ...fixed];
}

// A port is known by its new name as soon as that is its own, and edges of rejected rows do not carry it.
function nextNames(names, last, carried, rejects) {
  const isOfRejected = (name) => rejects && name === REJECTED.name && carried.has(name) && !last.includes(name);
  const next = names.map((name, place) => (isOwn(name, names) && (last[place] === '' || !isOfRejected(name)) ? name : last[place]));
  return next.every((name) => name === '' || isOwn(name, next)) ? next : last;
}
