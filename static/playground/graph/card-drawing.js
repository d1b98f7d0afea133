/** The cards of nodes: how they are made, and what of a view is written on them. cards.js keeps and places them. */

import { formatShare } from '../../realtime/estimate.js';
import { portY } from '../model/layout.js';
import { REJECTED } from '../model/ports.js';
import { element, icon, ownTextElement, setAttribute, setIcon, setText } from '../parts/dom.js';
import { beginningOf, formatClock, formatCount, formatDuration, nodeWord, unitOf } from '../parts/texts/text.js';

/** The size of a count's digits on a card, in pixels; so many digits by their size have room there beside the unit, fewer beside a share. */
const LARGEST_COUNT = 20;
const LEAST_COUNT = 10;
const ROOM_OF_COUNT = 236;
const ROOM_OF_SHARE = 66;

// For the pointer only: the keyboard connects in the node's form.
export function ports(nodeId, inputs, outputs, drawn) {
  return [
    ...inputs.flatMap((port, place) => portParts(nodeId, 'in', port, place, inputs.length, 'Drag to the node that shall feed this one')),
    ...outputs.flatMap((port, place) => portParts(nodeId, 'out', port, place, drawn, 'Drag to the node that shall get these rows')),
  ];
}

// The place to grab and, where the port has a name, its label.
function portParts(nodeId, side, { name, label }, place, of, title) {
  const grip = element('span', `port port-${side}`);
  Object.assign(grip.dataset, { nodeId: String(nodeId), port: side, name });
  grip.title = label === '' ? title : `${label}: ${title.charAt(0).toLowerCase()}${title.slice(1)}`;
  const isNamed = label !== '' && place < of; // an output for rejected rows that is not used takes no room
  const parts = isNamed ? [grip, element('span', `port-label port-label-${side}`, label)] : [grip];
  for (const part of parts) {
    part.setAttribute('aria-hidden', 'true');
    part.classList.toggle('port-rejected', side === 'out' && name === REJECTED.name);
    part.style.setProperty('--port-y', `${portY({ place })}px`);
    part.style.setProperty('--port-x', `${(100 * (place + 1)) / (of + 1)}%`);
  }
  return parts;
}

export function cardParts(kindIcon) {
  const count = element('span', 'node-count');
  const unit = element('span', 'node-unit');
  const rate = element('span', 'node-rate');
  const share = element('span', 'node-share');
  const stateIcon = icon('idle');
  stateIcon.classList.add('node-state-icon');
  const stateText = element('span', 'node-state-text');
  const message = element('span', 'node-message');
  const name = ownTextElement('span', 'node-name');
  const summary = ownTextElement('span', 'node-type');
  const problems = element('ul', 'node-problems');
  const notes = element('p', 'node-notes');
  const holds = element('span', 'node-holds');
  problems.hidden = notes.hidden = holds.hidden = true;
  return {
    kind: element('span', 'node-kind', icon(kindIcon)),
    title: element('span', 'node-title', name, summary),
    rows: element('span', 'node-rows', count, unit, share),
    word: element('span', 'node-word', stateText, rate),
    message,
    bar: element('span', 'node-bar'),
    name,
    summary,
    stateIcon,
    stateText,
    count,
    unit,
    rate,
    share,
    problems,
    notes,
    holds,
  };
}

export function drawCard(card, parts, view, since) {
  setAttribute(card, 'data-state', view.state);
  setIcon(parts.stateIcon, view.state);
  setText(parts.stateText, nodeWord(view));
  setText(parts.count, view.heard ? formatCount(view.rowCount) : '–');
  setText(parts.unit, view.heard ? unitOf(view.rowCount) : '');
  setText(parts.rate, since !== null && view.heard ? `as of ${formatClock(since)}` : currentRateText(view));
  drawShare(card, parts.share, view);
  fitCount(parts);
  setText(parts.message, beginningOf(view.message));
}

function currentRateText({ state, rate, silentFor }) {
  if (state === 'stalled') return `silent for ${formatDuration(silentFor)}`;
  return rate === null ? '' : `${formatCount(rate)}/s`;
}

// Of a node that works, and only where it is known.
function drawShare(card, label, { state, share }) {
  const isKnown = share != null && (state === 'running' || state === 'stalled');
  setText(label, isKnown ? formatShare(share) : '');
  if (!isKnown) return card.removeAttribute('data-share');
  setAttribute(card, 'data-share', share.share.toFixed(2));
  card.style.setProperty('--share', share.share.toFixed(3));
  return undefined;
}

// All digits of a count are seen: one that is cut would be read as another.
function fitCount({ rows, count, share }) {
  const digits = count.textContent.length;
  const room = ROOM_OF_COUNT - (share.textContent === '' ? 0 : ROOM_OF_SHARE);
  const size = Math.min(LARGEST_COUNT, Math.max(LEAST_COUNT, Math.floor(room / digits)));
  if (rows.style.getPropertyValue('--count') !== `${size}px`) rows.style.setProperty('--count', `${size}px`);
}
