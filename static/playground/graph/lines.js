/** The lines of the graph's edges, with their numbers, and the one that the pointer draws. Owns them. */

import { edgeKey } from '../model/ports.js';
import { byId, element, setAttribute, setHidden, setText, svgElement } from '../parts/dom.js';
import { formatCompact, formatCount, formatShortClock } from '../parts/texts/text.js';

/** Pixels that a full and a short number need on an edge. */
const ROOM_FULL = 68;
const ROOM_SHORT = 40;

/** The largest count that is written in full on an edge; a longer one would touch the ports. */
const MOST_FULL = 999_999;

/** Edges at most whose rows are shown to flow: each is painted anew in each frame. */
const MOST_FLOWING = 24;

export class GraphLines {
  #edgeLayer = byId('edges');
  #labelLayer = byId('edge-labels');
  #aimed = svgElement('path', 'edge edge-aim');
  #lines = []; // {edge, from, to, key, path, hit, label, room}
  #titleOf = (_edge) => '';

  constructor() {
    this.aim('');
  }

  /** These edges have lines, and no others. */
  keep(edges) {
    const known = new Map(this.#lines.map((line) => [line.key, line]));
    const lines = edges.map((edge) => known.get(edgeKey(edge)) ?? newLine(edge));
    for (const line of lines) setText(line.title, this.#titleOf(line.edge));
    if (lines.length === this.#lines.length && lines.every((line, place) => line === this.#lines[place]) && this.#aimed.isConnected) return;
    this.#lines = lines;
    this.#edgeLayer.replaceChildren(...lines.flatMap(({ path, hit }) => [path, hit]), this.#aimed);
    this.#labelLayer.replaceChildren(...lines.map((line) => line.label));
  }

  /** `nodeOf` and `since` as GraphView.draw has them; `flowOf(edge, source)` → {rows, rate}. */
  draw(nodeOf, flowOf, since) {
    const told = this.#lines.map((line) => {
      const source = nodeOf(line.from);
      return { line, source, flow: flowOf(line.edge, source) };
    });
    const moving = new Set(
      since === null ? told.filter(({ source, flow }) => source.state === 'running' && flow.rate !== 0 && flow.rows > 0).slice(0, MOST_FLOWING) : [],
    );
    for (const one of told) setAttribute(one.line.path, 'data-flowing', String(moving.has(one)));
    const isShort = told.some(({ line, flow }) => line.room < ROOM_FULL || flow.rows > MOST_FULL); // one notation for all
    for (const { line, source, flow } of told) drawLine(line, source, flow, since, isShort);
  }

  drawTitles(titleOf) {
    this.#titleOf = titleOf;
    for (const line of this.#lines) setText(line.title, titleOf(line.edge));
  }

  /** `keys`: a Set of those that are selected. */
  drawSelection(keys) {
    for (const { key, path, hit } of this.#lines) {
      for (const part of [path, hit]) {
        if (keys.has(key)) setAttribute(part, 'data-selected', 'true');
        else part.removeAttribute('data-selected');
      }
    }
  }

  /** Put them where `lineOf(edge)` says; with `ids`, those of these nodes alone. */
  place(lineOf, ids) {
    for (const line of this.#lines) {
      if (ids !== null && !ids.has(line.from) && !ids.has(line.to)) continue;
      const { path, label, room } = lineOf(line.edge);
      line.room = room;
      line.path.setAttribute('d', path);
      line.hit.setAttribute('d', path);
      line.label.style.transform = `translate(${label.x}px, ${label.y}px) translate(-50%, -50%)`;
    }
  }

  /** The path of the line that the pointer draws; '' for none. */
  aim(path) {
    this.#aimed.setAttribute('d', path);
  }

  /** The edge whose line is under a point of the window; or null. */
  edgeAt(clientX, clientY) {
    const hit = document.elementsFromPoint(clientX, clientY).find((found) => found.classList.contains('edge-hit'));
    return this.#lines.find(({ key }) => key === hit?.getAttribute('data-key'))?.edge ?? null;
  }

  /** {edge, hit}: the edge of this key, and the element that the pointer hits; or null. */
  lineOf(key) {
    return this.#lines.find((line) => line.key === key) ?? null;
  }
}

function newLine(edge) {
  const { from, to } = edge;
  const key = edgeKey(edge);
  const [path, hit] = [svgElement('path', 'edge'), svgElement('path', 'edge-hit')];
  path.dataset.from = String(from);
  path.dataset.to = String(to);
  path.dataset.fromPort = edge.fromPort ?? '';
  path.dataset.toPort = edge.toPort ?? '';
  hit.dataset.key = key;
  const title = svgElement('title');
  hit.append(title);
  const [rows, rate] = [element('span', 'edge-rows'), element('span', 'edge-rate')];
  const label = element('span', 'edge-label', rows, rate);
  label.hidden = true;
  return { edge, from, to, key, path, hit, title, label, rows, rate, room: 0 };
}

function drawLine(line, source, { rows, rate }, since, isShort) {
  setAttribute(line.path, 'data-state', source.state);
  const shown = source.heard && rows > 0 && line.room >= ROOM_SHORT;
  setHidden(line.label, !shown);
  if (!shown) return;
  setText(line.rows, isShort ? formatCompact(rows) : formatCount(rows));
  setText(line.rate, since !== null ? formatShortClock(since, isShort) : rate === null ? '' : `${formatCompact(rate)}/s`);
}
