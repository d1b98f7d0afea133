/** One node in full: state, counts, times, its whole message, its settings. Test hooks: `#details`, `#details-message`. */

import { formatShare } from '../../../realtime/estimate.js';
import { copyOrSelect } from '../../parts/copying.js';
import { byId, element, icon, iconButton, setAttribute, setHidden, setIcon, setText } from '../../parts/dom.js';
import { averageRateText, formatCount, formatMoment, lastedText, nodeWord, settingText } from '../../parts/texts/text.js';
import { ChartView } from './chart-view.js';

/** What a parameter of an address is called whose value is a secret; the server says it with the page. */
const SECRET_NAMES = document.documentElement.dataset.secretNames.split(' ');

export class DetailsView {
  #panel = byId('details');
  #body = byId('details-body');
  #parts = null; // of the node shown; null while closed

  #onShowLog;
  #onShowWritten;
  #ahead; // a part that another module draws, before all else
  #more; // and one within
  #written = null; // what the button shows

  constructor({ onClose, onShowLog, onShowWritten, ahead, more }) {
    this.#ahead = ahead;
    this.#more = more;
    this.#onShowLog = onShowLog;
    this.#onShowWritten = () => onShowWritten(this.#written);
    byId('details-close').addEventListener('click', onClose);
    pressOnce(this.#panel);
    document.addEventListener('keydown', (event) => {
      const elsewhere = document.querySelector('dialog[open]') !== null;
      if (event.key === 'Escape' && !this.#panel.hidden && !elsewhere) onClose();
    });
  }

  /** Open the panel for a node of the graph, or close it (null). */
  show(node) {
    this.#parts = node === null ? null : panelParts(this.#onShowLog, this.#onShowWritten);
    setHidden(this.#panel, node === null);
    if (node === null) return;
    setText(byId('details-name'), node.name);
    const { facts, messageSection, traceSection, written } = this.#parts;
    byId('details-first').replaceChildren(this.#ahead);
    this.#body.replaceChildren(messageSection, facts, written, this.#more, this.#parts.chart.element, traceSection, settingsSection(node.config ?? {}));
    setText(this.#parts.type, `${node.type || 'unknown'}, number ${node.id}`);
    this.#body.scrollTop = 0;
  }

  /**
   * Draw what is true of the node now; `trace`: the traceback that the program left, or null; `rates`: its rows a second in the last minute,
   * as ChartView takes them; `holds`: which nodes wait for its rows, in words, or ''; `written`: what can be shown of its rows, or null.
   */
  draw(view, now, { trace, rates, holds, written }) {
    if (this.#parts === null) return;
    this.#written = written;
    setHidden(this.#parts.written, written === null);
    const { chart, held } = this.#parts;
    chart.draw(rates, view.endedAt === null ? 'now' : 'its end');
    setText(held, holds);
    for (const part of [held.parentElement, held.parentElement.previousElementSibling]) setHidden(part, holds === '');
    const { state, stateIcon, stateText, rows, rate, share, place, traceSection, traceBlock, started, lasted, message, messageSection } = this.#parts;
    setAttribute(state, 'data-state', view.state);
    setIcon(stateIcon, view.state);
    setText(stateText, nodeWord(view));
    setText(rows, view.heard ? formatCount(view.rowCount) : '–');
    setText(rate, averageRateText(view));
    setText(share, view.share === null ? '–' : formatShare(view.share));
    setText(place, view.row === null ? '' : `row ${formatCount(view.row.number)}`);
    setAttribute(this.#body, 'data-state', view.state);
    for (const part of [place.parentElement, place.parentElement.previousElementSibling]) setHidden(part, view.row === null);
    setHidden(traceSection, trace === null);
    setText(traceBlock, trace ?? '');
    setText(started, view.startedAt === null ? '–' : formatMoment(view.startedAt));
    setText(lasted, lastedText(view, now));
    setText(message, view.message);
    setAttribute(message, 'data-tone', view.state === 'error' ? 'error' : 'plain');
    setHidden(messageSection, view.message === '');
    const around = view.state === 'error' ? byId('details-first') : this.#body;
    if (messageSection.parentElement !== around) around.prepend(messageSection);
  }
}

function panelParts(onShowLog, onShowWritten) {
  const stateIcon = icon('idle');
  const stateText = element('span', '');
  const state = element('span', 'state-line', stateIcon, stateText);
  const parts = { state, stateIcon, stateText };
  parts.chart = new ChartView();
  for (const name of ['type', 'rows', 'rate', 'share', 'place', 'started', 'lasted', 'held']) parts[name] = element('span', '');
  parts.facts = element('dl', 'facts');
  const rows = {
    State: state,
    'At fault': parts.place,
    'Waited for by': parts.held,
    Rows: parts.rows,
    'Rows/s': parts.rate,
    Done: parts.share,
    Started: parts.started,
    Took: parts.lasted,
    Type: parts.type,
  };
  for (const [label, value] of Object.entries(rows)) parts.facts.append(element('dt', '', label), element('dd', '', value));
  parts.written = element('button', 'button', icon('table'), element('span', '', 'Show what it wrote'));
  parts.written.type = 'button';
  parts.written.id = 'details-written';
  parts.written.hidden = true;
  parts.written.addEventListener('click', onShowWritten);
  parts.message = element('p', 'text-block');
  parts.message.id = 'details-message';
  parts.messageSection = section('Message', copyButton(parts.message), parts.message);
  parts.traceBlock = element('pre', 'text-block is-trace');
  parts.traceBlock.translate = false;
  parts.traceBlock.id = 'details-trace';
  parts.traceBlock.tabIndex = 0;
  const showLog = element('button', 'link-button', 'Show the log');
  showLog.type = 'button';
  showLog.addEventListener('click', onShowLog);
  parts.traceSection = section('Traceback', showLog, parts.traceBlock);
  return parts;
}

function copyButton(source) {
  const button = iconButton('copy', 'Copy the message');
  button.addEventListener('click', async () => {
    if (!(await copyOrSelect(source.textContent, source))) return;
    setIcon(button.firstElementChild, 'success');
    setTimeout(() => setIcon(button.firstElementChild, 'copy'), 1500);
  });
  return button;
}

function settingsSection(config) {
  const settings = Object.entries(config).map(([name, value]) => {
    const shown = element('p', 'text-block', settingText(value, SECRET_NAMES));
    return element('div', 'setting', element('p', 'setting-name', name), shown);
  });
  const made = section('Settings', null, ...settings);
  made.hidden = settings.length === 0;
  made.classList.add('details-settings'); // in the way while the node's form is there
  return made;
}

function section(title, button, ...children) {
  const head = element('div', 'details-section-head', element('h3', 'section-title', title));
  if (button !== null) head.append(button);
  return element('section', 'details-section', head, ...children);
}

// The first press of a double click opens the panel, often where the second one comes down: that one was meant for the node, and presses nothing here.
function pressOnce(panel) {
  let beganHere = true;
  document.addEventListener('mousedown', ({ target, detail }) => detail === 1 && (beganHere = panel.contains(target)), { capture: true });
  for (const name of ['mousedown', 'click']) {
    const ignore = (event) => {
      if (event.detail < 2 || beganHere) return;
      event.preventDefault();
      event.stopPropagation();
    };
    panel.addEventListener(name, ignore, { capture: true });
  }
}
