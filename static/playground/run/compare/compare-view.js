/**
 * Two runs of a job side by side, in a dialog. It only draws. Test hooks: `#compare[data-state]` (shown | loading), `#compare-one`, `#compare-other`,
 * `#compare-nodes tr[data-node-id]`, `#compare-settings tr[data-node-id][data-field]`, `#compare-same`.
 */

import { byId, element, ownTextElement, setHidden, setText } from '../../parts/dom.js';
import { formatCount, formatDuration, formatMoment, NODE_WORDS, RUN_WORDS, settingText } from '../../parts/texts/text.js';
import { rowsOfNode, tookOf } from './compare.js';

/** What a parameter of an address is called whose value is a secret; the server says it with the page. */
const SECRET_NAMES = document.documentElement.dataset.secretNames.split(' ');

/** What changed by less than this part of itself, or by less than so many seconds, is no news. */
const SAME_SHARE = 0.1;
const SAME_SECONDS = 0.1;

export class CompareView {
  #dialog = byId('compare');
  #shown = { one: null, other: null }; // the records of the runs that are compared

  /** `onChoose(one, other)`: other runs (ids) are to be compared; `onClose()`. */
  constructor({ onChoose, onClose }) {
    byId('compare-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', onClose);
    for (const id of ['compare-one', 'compare-other']) {
      byId(id).addEventListener('change', () => {
        this.#dialog.dataset.state = 'loading'; // what it shows is of the runs of before
        onChoose(byId('compare-one').value, byId('compare-other').value);
      });
    }
  }

  /** `runs`: those to choose from; `one`, `other`: records; `difference`: see compared. */
  open({ runs, one, other, difference }) {
    this.#dialog.dataset.state = 'shown';
    this.#shown = { one, other };
    fill(byId('compare-one'), runs, one, one.runId);
    fill(byId('compare-other'), runs, other, other.runId);
    byId('compare-nodes').tBodies[0].replaceChildren(wholeRow(one, other), ...difference.nodes.map(nodeRow));
    byId('compare-settings').tBodies[0].replaceChildren(...difference.settings.map(settingRow));
    setHidden(byId('compare-settings-box'), difference.settings.length === 0);
    setText(byId('compare-same'), difference.settings.length === 0 ? 'Both ran the same graph, with the same settings.' : '');
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** These are the runs to choose from now; what is chosen stays. */
  offer(runs) {
    if (!this.#dialog.open) return;
    fill(byId('compare-one'), runs, this.#shown.one, byId('compare-one').value);
    fill(byId('compare-other'), runs, this.#shown.other, byId('compare-other').value);
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }
}

// `chosen`: the id of one that was offered, or of the one that is shown. What is offered already stays: the list may be open.
function fill(select, runs, shown, chosen) {
  const all = runs.some(({ runId }) => runId === shown.runId) ? runs : [...runs, shown];
  const options = all.map((run) => new Option(`${formatMoment(run.startedAt ?? run.createdAt)} · ${RUN_WORDS[run.status]}`, run.runId));
  const isAsBefore = options.length === select.length && options.every((option, at) => option.isEqualNode(select.options[at]));
  if (!isAsBefore) select.replaceChildren(...options);
  select.value = chosen;
}

function wholeRow(one, other) {
  const seconds = ({ startedAt, endedAt }) => (startedAt === null || endedAt === null ? null : endedAt - startedAt);
  const row = lineOf('The run', RUN_WORDS[one.status], RUN_WORDS[other.status], [null, null], [seconds(one), seconds(other)]);
  row.className = 'compare-whole';
  return row;
}

function nodeRow({ nodeId, name, one, other }) {
  const word = (view) => (view === null ? 'Not there' : NODE_WORDS[view.state]);
  const row = lineOf(name, word(one), word(other), [rowsOfNode(one), rowsOfNode(other)], [tookOf(one), tookOf(other)]);
  row.dataset.nodeId = String(nodeId);
  return row;
}

function lineOf(name, wordOne, wordOther, rows, seconds) {
  const head = ownTextElement('th', '', name);
  head.scope = 'row';
  const state = wordOne === wordOther ? wordOne : `${wordOne} → ${wordOther}`;
  const took = (value) => (value === null ? '–' : formatDuration(value, true));
  return element(
    'tr',
    '',
    head,
    element('td', '', state),
    ...rows.map((count) => number(count === null ? '–' : formatCount(count))),
    number(changeOfRows(...rows)),
    ...seconds.map((value) => number(took(value))),
    number(changeOfTime(...seconds)),
  );
}

function changeOfRows(one, other) {
  if (one === null || other === null || one === other) return '';
  return `${other > one ? '+' : '−'}${formatCount(Math.abs(other - one))}`;
}

function changeOfTime(one, other) {
  if (one === null || other === null) return '';
  const by = other - one;
  if (Math.abs(by) < SAME_SECONDS || Math.abs(by) < one * SAME_SHARE) return '';
  return `${by > 0 ? '+' : '−'}${formatDuration(Math.abs(by), true)}`;
}

function settingRow({ nodeId, name, field, one, other }) {
  const head = ownTextElement('th', '', name);
  head.scope = 'row';
  const row = element('tr', '', head, element('td', '', field), value(one), value(other));
  if (nodeId !== null) row.dataset.nodeId = String(nodeId);
  row.dataset.field = field;
  return row;
}

function value(said) {
  const isMissing = said === undefined || said === null;
  const cell = element('td', 'compare-value', isMissing ? '–' : settingText(said, SECRET_NAMES));
  cell.dir = 'auto';
  return cell;
}

function number(text) {
  return element('td', 'cell-number', text);
}
