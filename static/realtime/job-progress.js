/**
 * <job-progress job="42">Nightly load</job-progress>: a job's run and its nodes, live, in any page. No dependencies.
 *
 *   <script type="module" src="https://progress.example.org/static/realtime/job-progress.js"></script>
 *   document.querySelector('job-progress').token = () => fetchToken();
 *
 * Attributes: `job`, its number; `server`, the address of the server (default: where this file came from). Properties: `token`, a JWT
 * or a function that gives one; `service`, a JobRealtimeService that the page has already, in place of a connection of its own.
 * Elements of a page with the same server and token share one connection; another token, or another function, makes another one. So
 * a function is made once for each user, not in each rendering.
 *
 * Events, which bubble: `run-changed` with {jobId, runId, status, reason}, at each change of the run's status.
 * Parts for ::part(): frame, head, status, bar, nodes, node, reason, problem. Colours follow the page's `color-scheme`.
 */

import { formatShare } from './estimate.js';
import { STYLE } from './job-progress-style.js';
import { SharedServices } from './shared-services.js';
import { WatchedJob } from './watched-job.js';
import { formatCount, formatDuration, NODE_WORDS, RUN_WORDS, unitOf } from './words.js';

const HOME = new URL('../../', import.meta.url).href;
const SHARED = new SharedServices();

const FRAME = `
  <section part="frame">
    <header part="head"><b><slot></slot></b><span part="status"></span></header>
    <div part="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" hidden><i></i></div>
    <ul part="nodes"></ul>
    <p part="reason" hidden></p>
    <p part="problem" role="status" hidden></p>
  </section>`;

/** Who renders pages on a server imports this, too, where there are no elements. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

let sheet = null; // of all elements

export class JobProgress extends Base {
  static observedAttributes = ['job', 'server'];

  #token = '';
  #given = null; // a service of the page's own
  #taken = null; // a service of SHARED, which must be left
  #watched = null;
  #told = ''; // the run and the status that the last event told
  #parts;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [styleSheet()];
    root.innerHTML = FRAME;
    this.#parts = Object.fromEntries(
      [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[part]'))].map((one) => [one.getAttribute('part'), one]),
    );
  }

  /** The JWT, or a function that gives the current one. */
  get token() {
    return this.#token;
  }

  set token(token) {
    const before = this.#token;
    this.#token = token ?? ''; // null, as of who signs out, is none
    if (this.#taken === null || this.#token !== before) this.#watch(); // another one may be for something else: nothing is kept
    else if (this.#taken.reason?.final) this.#taken.reconnect();
  }

  /** A JobRealtimeService of the page; null: one of this element's server. */
  get service() {
    return this.#given;
  }

  set service(service) {
    this.#given = service;
    this.#watch();
  }

  /** The number of the job, or null where the attribute is none. */
  get jobId() {
    const text = this.getAttribute('job') ?? '';
    const number = /^[1-9][0-9]*$/.test(text) ? Number(text) : null;
    return Number.isSafeInteger(number) ? number : null;
  }

  connectedCallback() {
    for (const name of ['token', 'service']) this.#upgrade(name);
    this.#watch();
  }

  disconnectedCallback() {
    this.#leaving()();
  }

  attributeChangedCallback(_name, before, after) {
    if (before !== after) this.#watch();
  }

  // What was set before this file was loaded is an own property, which would hide the setter.
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  // What was watched before is left afterwards: a connection that is the same lives on.
  #watch() {
    const leave = this.#leaving();
    this.#begin();
    leave();
  }

  #begin() {
    if (!this.isConnected) return;
    const { jobId } = this;
    if (jobId === null) return this.#tell(`job="${this.getAttribute('job') ?? ''}" is not the number of a job.`);
    if (this.#given === null && this.#token === '') return this.#tell('There is no token yet.');
    const address = socketAddress(this.getAttribute('server') ?? HOME);
    if (address === null) return this.#tell(`server="${this.getAttribute('server')}" is no address.`);
    this.#taken = this.#given === null ? SHARED.take(address, this.#token) : null;
    this.#parts.frame.setAttribute('aria-label', `Progress of job ${jobId}`);
    this.#watched = new WatchedJob(this.#given ?? this.#taken, jobId, (view) => this.#draw(jobId, view));
    return undefined;
  }

  // What leaves what is watched now.
  #leaving() {
    const [watched, taken] = [this.#watched, this.#taken];
    this.#watched = this.#taken = null;
    return () => {
      watched?.close();
      if (taken !== null) SHARED.leave(taken);
    };
  }

  // What the page gave us wrong, in place of what cannot be watched.
  #tell(problem) {
    this.#parts.nodes.replaceChildren();
    this.#drawHead({ run: null, share: null, now: 0, isStale: true });
    write(this.#parts.reason, '');
    write(this.#parts.problem, problem);
  }

  #draw(jobId, view) {
    this.#drawHead(view);
    this.#drawNodes(view);
    const { run } = view;
    write(this.#parts.reason, run?.ended && run.status !== 'completed' ? (run.reason ?? '') : '');
    write(this.#parts.problem, view.problem);
    const told = run === null ? '' : `${run.runId} ${run.status}`;
    if (told === this.#told || run === null) return;
    this.#told = told;
    const detail = { jobId, runId: run.runId, status: run.status, reason: run.reason };
    this.dispatchEvent(new CustomEvent('run-changed', { detail, bubbles: true, composed: true }));
  }

  #drawHead({ run, share, now, isStale }) {
    const { frame, bar, status } = this.#parts;
    frame.dataset.status = run?.status ?? 'none';
    frame.dataset.stale = String(isStale);
    write(status, run === null ? 'No word yet' : statusText(run, share, now));
    drawBar(bar, run?.status === 'running' ? share : null, 'The run');
  }

  #drawNodes({ nodes }) {
    const rows = this.#parts.nodes.children;
    nodes.forEach((node, place) => drawNode(rows[place] ?? this.#addRow(), node));
    while (rows.length > nodes.length) rows[rows.length - 1].remove();
  }

  #addRow() {
    const row = document.createElement('li');
    row.part = 'node';
    for (const name of ['name', 'state', 'count']) row.append(Object.assign(document.createElement('span'), { className: name }));
    const bar = Object.assign(document.createElement('div'), { className: 'bar', role: 'progressbar', ariaValueMin: '0', ariaValueMax: '100' });
    bar.append(document.createElement('i'));
    row.append(bar);
    this.#parts.nodes.append(row);
    return row;
  }
}

function drawNode(row, node) {
  const [name, state, count, bar] = row.children;
  row.dataset.state = node.state;
  write(name, node.nodeName || `Node ${node.nodeId}`);
  write(state, node.state === 'stalled' ? `No word for ${formatDuration(node.silentFor)}` : NODE_WORDS[node.state]);
  write(count, countText(node));
  if (row.title !== node.message) row.title = node.message;
  drawBar(bar, node.state === 'running' ? node.share : null, name.textContent);
}

function countText({ rowCount, rowTotal, rate, state }) {
  const total = rowTotal === null || state !== 'running' ? '' : ` of ${formatCount(rowTotal)}`;
  const speed = state === 'running' && rate !== null && rate >= 1 ? `, ${formatCount(rate)}/s` : '';
  return `${formatCount(rowCount)}${total} ${unitOf(rowCount)}${speed}`;
}

function statusText({ status, startedAt, endedAt, ended }, share, now) {
  const until = ended ? endedAt : now;
  const lasted = startedAt === null || until === null ? '' : ` · ${formatDuration(until - startedAt, ended)}`;
  return `${RUN_WORDS[status]}${share === null ? '' : ` · ${formatShare(share)}`}${lasted}`;
}

// Without a share there is nothing to draw: how far it is is not known.
function drawBar(bar, share, label) {
  bar.hidden = share === null;
  if (share === null) return;
  const percent = Math.floor(share.share * 100);
  bar.ariaLabel = label;
  bar.ariaValueNow = String(percent);
  bar.firstElementChild.style.width = `${percent}%`;
}

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
  if (target.tagName === 'P') target.hidden = text === '';
}

/** https://host/path/ → wss://host/path/ws; null for what is no address. */
function socketAddress(server) {
  try {
    const address = new URL('ws', `${new URL(server, globalThis.location.href).href.replace(/\/*$/, '')}/`);
    if (!['http:', 'https:'].includes(address.protocol)) return null;
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    return address.href;
  } catch {
    return null;
  }
}

function styleSheet() {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
}

const { customElements } = globalThis;
customElements?.get('job-progress') ?? customElements?.define('job-progress', JobProgress);
