/**
 * The log of a run: its last lines, as a terminal shows them, then what follows; searched as one types. Only the newest
 * lines are kept. A line that was found is shown among the others by a press on it, the last one by Enter; a search that is put away leaves the
 * log where it was.
 * Test hooks: `#log-lines .log-line`, `#log-search`, `#log-found`, `#log-note`, `#log-download`.
 */

import { byId, closest, element, setAttribute, setHidden, setText } from '../../parts/dom.js';
import { oncePerFrame } from '../../parts/frames.js';

/** Lines shown at first, and kept while it follows. */
const FIRST_LINES = 1_000;
const MOST_LINES = 5_000;

/** Bytes of the log's end that are asked for at first: a thousand lines of ordinary length. */
export const FIRST_BYTES = 200_000;

/** Said where lines are found. */
const HOW_TO_OPEN = 'Press a line to see what stands around it';

/** Characters of a line that are shown. */
const MOST_OF_LINE = 2_000;

// Of a terminal: colours and movements (ESC [ … m), titles and links (ESC ] … BEL), and the short ones
const ESCAPE = String.fromCharCode(27);
const BELL = String.fromCharCode(7);
const SEQUENCE = new RegExp(
  `${ESCAPE}(?:\\[[0-?]*[ -/]*(?:[@-~]|$)|\\][^${BELL}${ESCAPE}]*(?:${BELL}|${ESCAPE}\\\\|$)|[ -/]*[0-Z\\\\^-~])?`,
  'g',
);

export class LogView {
  #box = byId('log-lines');
  #search = byId('log-search');
  #lines = []; // complete ones, without their ends
  #rest = ''; // of a line that has not ended
  #last = null; // its element
  #dropped = false; // there is more above
  #drawn = { first: 0, count: 0, query: null }; // what is on the page; `first` counts lines since show()
  #first = 0;
  #found = []; // the numbers of the lines that a search shows, counted as `first`
  #place = null; // {number, isAimed} of the line to be in sight once the search is put away; null: the end
  #ask = oncePerFrame(() => this.#draw());

  constructor({ onDownload }) {
    this.#search.addEventListener('input', () => this.#ask());
    this.#search.addEventListener('keydown', (event) => event.key === 'Enter' && this.#showLast());
    this.#box.addEventListener('click', ({ target }) => this.#showAround([...this.#box.children].indexOf(closest(target, '.log-line'))));
    byId('log-download').addEventListener('click', onDownload);
  }

  /** Begin with another run's log. */
  clear(note = '') {
    this.#lines = [];
    this.#rest = '';
    this.#dropped = false;
    this.#first = 0;
    this.#drawn = { first: 0, count: 0, query: null };
    this.#found = [];
    this.#place = null;
    this.#last = null;
    this.#box.replaceChildren();
    this.note(note);
    setText(byId('log-found'), '');
  }

  note(text) {
    setText(byId('log-note'), text);
    setHidden(byId('log-note'), text === '');
  }

  /** Add a piece of the log ({from, text}); the first one may begin in the middle of a line, and the last one end there. */
  add({ from, text }, { isFirst, isLast }) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = withoutWrittenOver(lines.pop());
    if (isFirst && from > 0) {
      lines.shift();
      this.#dropped = true;
    }
    if (isLast && this.#rest !== '') {
      lines.push(this.#rest);
      this.#rest = '';
    }
    this.#lines = this.#lines.concat(lines.map(asShown)); // a piece of empty lines has more than a call takes arguments
    this.#keep(isFirst ? FIRST_LINES : MOST_LINES);
    this.#ask();
  }

  get isEmpty() {
    return this.#lines.length === 0 && this.#rest === '';
  }

  #keep(most) {
    const surplus = this.#lines.length - most;
    if (surplus <= 0) return;
    this.#lines.splice(0, surplus);
    this.#first += surplus;
    this.#dropped = true;
  }

  #draw() {
    const query = this.#search.value.trim().toLowerCase();
    const follows = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < 24;
    const isOther = query !== this.#drawn.query;
    if (isOther && this.#drawn.query === '') this.#place = follows ? null : { number: this.#drawn.first + this.#topmost(), isAimed: false };
    this.#last?.remove();
    if (isOther) this.#redraw(query);
    else if (query === '') this.#append();
    else this.#appendFound(query);
    this.#drawn = { first: this.#first, count: this.#lines.length, query };
    this.#drawLast(query);
    setText(byId('log-above'), `Earlier lines are not ${query === '' ? 'shown' : 'searched'}; the download has them all.`);
    setHidden(byId('log-above'), !this.#dropped);
    if (isOther && query === '' && this.#place !== null) this.#returnToPlace();
    else if (follows || isOther) this.#box.scrollTop = this.#box.scrollHeight;
  }

  // The last letter may have been typed since the last frame, and finds others.
  #showLast() {
    this.#draw();
    this.#showAround(this.#found.length - 1);
  }

  // The line that was found at this place of those on the page, among the others; not where a text was selected.
  #showAround(place) {
    if (this.#search.value.trim() === '' || this.#found[place] === undefined || !getSelection().isCollapsed) return;
    this.#place = { number: this.#found[place], isAimed: true };
    this.#search.value = '';
    this.#draw();
  }

  // A line that is not kept any more gives way to the oldest one that is.
  #returnToPlace() {
    const { number, isAimed } = this.#place;
    const line = this.#box.children[Math.max(0, number - this.#first)];
    if (isAimed) line?.setAttribute('aria-current', 'true');
    line?.scrollIntoView({ block: isAimed ? 'center' : 'start' });
  }

  // Of the lines on the page, the first one in sight.
  #topmost() {
    const { top } = this.#box.getBoundingClientRect();
    return [...this.#box.children].findIndex((line) => line.getBoundingClientRect().bottom > top);
  }

  #append() {
    const { first, count } = this.#drawn;
    for (let gone = Math.min(this.#first - first, count); gone > 0; gone -= 1) this.#box.firstElementChild?.remove();
    const start = Math.max(0, first + count - this.#first);
    this.#box.append(...this.#lines.slice(start).map((line) => lineElement(line)));
  }

  /** A line that has not ended, as a bar that is drawn again and again, is seen as far as it is written. */
  #drawLast(query) {
    const shown = asShown(this.#rest);
    const isSeen = shown !== '' && shown.toLowerCase().includes(query);
    this.#last = isSeen ? lineElement(shown, query) : null;
    if (isSeen) this.#box.append(this.#last);
  }

  #redraw(query) {
    this.#box.replaceChildren();
    this.#found = [];
    this.#find(query, 0);
    setAttribute(this.#box, 'title', query === '' ? '' : HOW_TO_OPEN);
  }

  // Lines that were found before stay as they are, and with them what is selected there.
  #appendFound(query) {
    const gone = this.#found.filter((number) => number < this.#first).length;
    for (let left = gone; left > 0; left -= 1) this.#box.firstElementChild?.remove();
    this.#found = this.#found.slice(gone);
    this.#find(query, Math.max(0, this.#drawn.first + this.#drawn.count - this.#first));
  }

  // Among the lines from the place `start` on.
  #find(query, start) {
    const places = [...this.#lines.keys()].slice(start).filter((place) => this.#lines[place].toLowerCase().includes(query));
    this.#found = this.#found.concat(places.map((place) => this.#first + place));
    this.#box.append(...places.map((place) => lineElement(this.#lines[place], query)));
    setText(byId('log-found'), query === '' ? '' : `${this.#found.length} of ${this.#lines.length} lines`);
  }
}

/** A line as a terminal shows it: without colours, and of a bar that was drawn again and again the last one. */
function asShown(line) {
  const plain = line.includes(ESCAPE) ? line.replace(SEQUENCE, '') : line;
  return plain.includes('\r') ? withoutWrittenOver(plain).replace('\r', '') : plain;
}

/** What was written last of a line; of CRs at its end one stays, which may be half of a line's end. */
function withoutWrittenOver(line) {
  let end = line.length;
  while (line[end - 1] === '\r') end -= 1; // /\r+$/ is too much for Firefox where very many stand before something else
  const written = line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
  return end < line.length ? `${written}\r` : written;
}

function lineElement(line, query = '') {
  const shown = line.length > MOST_OF_LINE ? `${line.slice(0, MOST_OF_LINE)}…` : line;
  if (query === '') return element('div', 'log-line', shown === '' ? '\u200b' : shown);
  const made = element('div', 'log-line');
  const lower = shown.toLowerCase();
  let at = 0;
  for (let found = lower.indexOf(query); found >= 0; found = lower.indexOf(query, at)) {
    made.append(shown.slice(at, found), element('mark', '', shown.slice(found, found + query.length)));
    at = found + query.length;
  }
  made.append(shown.slice(at));
  return made;
}

/** The last traceback in a program's log, or null. */
export function tracebackIn(text) {
  const start = text.lastIndexOf('\nTraceback (most recent call last):') + 1 || (text.startsWith('Traceback (most recent call last):') ? 0 : -1);
  if (start < 0) return null;
  const first = firstOfChain(text, start);
  return text.slice(first).trimEnd();
}

// Python prints causes first; between the parts of a chain stands one of these sentences.
function firstOfChain(text, start) {
  const before = text.slice(0, start).trimEnd();
  const isChained = before.endsWith('The above exception was the direct cause of the following exception:') ||
    before.endsWith('During handling of the above exception, another exception occurred:');
  if (!isChained) return start;
  const earlier = text.lastIndexOf('Traceback (most recent call last):', start - 1);
  return earlier < 0 ? start : firstOfChain(text, earlier);
}
