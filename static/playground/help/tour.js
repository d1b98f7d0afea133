/**
 * The tour for who sees this for the first time: a few steps, each beside what it tells of, the last of which leads to a job of one's
 * own. It takes nothing away: the page can be used meanwhile. Test hooks: `#tour[data-step]`, `#tour-next`, `#tour-end`, `[data-toured]`.
 */

import { byId, room, setAttribute, setHidden, setText } from '../parts/dom.js';

/** `at`: what it is about, a selector, or null for the middle of the page; `next`: what the button says; `isOwn`: of a job of one's own. */
const STEPS = [
  {
    at: '#nodes .node',
    title: 'A job is a graph of nodes',
    text: 'The first nodes read rows, the others change them, the last ones write them. Rows flow along the lines.',
  },
  { at: '#execute', title: 'Execute runs it', text: 'While it runs, each node tells how many rows it has had, and how fast. You may press it now.' },
  {
    at: '.drawers-bar',
    title: 'Look closer down here',
    text: 'The first rows of a node, when each node worked, all runs of the job, its log, and the program that was made of it.',
  },
  { at: '#find-open', title: 'Find what you need', text: 'Nodes, jobs and commands, by some letters of their names.' },
  {
    at: null,
    title: 'Now with your own rows',
    text: 'Make a job of your own. It begins empty, and its first node reads your file or table.',
    next: 'Make my own job',
  },
  {
    at: '#canvas-add',
    title: 'What do you want to read?',
    text:
      'Add a node that reads: CSV Input for a file, DB Input for a table. Its settings open beside it. Then add what shall become of the rows, and execute it.',
    next: 'Done',
    isOwn: true,
  },
];

/** Pixels between the box and what it is about, and the window's edge. */
const GAP = 12;

/** Milliseconds between two looks whether what it is about is there, as a graph is once its job has come, and still the same. */
const LOOK = 300;

export class Tour {
  #box = byId('tour');
  #step = null; // its number; null while there is no tour
  #opener = null; // what had the focus before
  #looking = null; // the timer of its looks
  #host;

  /** `host`: {showJob() → Promise of whether there is one to show, newJob() → Promise of whether there is one, onEnd()}. */
  constructor(host) {
    this.#host = host;
    byId('tour-next').addEventListener('click', () => this.#next());
    byId('tour-end').addEventListener('click', () => this.end());
    this.#box.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.end();
    });
    addEventListener('resize', () => this.#step !== null && this.#place());
  }

  async start() {
    this.#opener = document.activeElement;
    const isThere = await this.#host.showJob();
    this.#show(isThere ? 0 : STEPS.findIndex(({ next }) => next === 'Make my own job'));
    clearInterval(this.#looking);
    this.#looking = setInterval(() => this.#look(), LOOK);
  }

  end() {
    if (this.#step === null) return;
    this.#step = null;
    clearInterval(this.#looking);
    this.#mark(null);
    setHidden(this.#box, true);
    if (this.#opener?.isConnected && this.#opener.checkVisibility()) this.#opener.focus();
    this.#host.onEnd();
  }

  async #next() {
    const next = STEPS[this.#step + 1];
    if (next === undefined) return this.end();
    if (next.isOwn) {
      this.#mark(null);
      setHidden(this.#box, true); // the new job has the keyboard, for its name
      const isMade = await this.#host.newJob();
      return isMade ? this.#show(this.#step + 1, { takesFocus: false }) : this.#show(this.#step);
    }
    return this.#show(this.#step + 1);
  }

  #show(number, { takesFocus = true } = {}) {
    this.#step = number;
    const { title, text, next = 'Next' } = STEPS[number];
    setText(byId('tour-title'), title);
    setText(byId('tour-text'), text);
    setText(byId('tour-count'), `${number + 1} of ${STEPS.length}`);
    setText(byId('tour-next'), next);
    setHidden(byId('tour-end'), number === STEPS.length - 1);
    setAttribute(this.#box, 'data-step', String(number + 1));
    setHidden(this.#box, false);
    this.#place();
    if (takesFocus) byId('tour-next').focus();
  }

  #mark(target) {
    for (const marked of document.querySelectorAll('[data-toured]')) marked.removeAttribute('data-toured');
    target?.setAttribute('data-toured', 'true');
  }

  #look() {
    const isToBeMarked = !this.#box.hidden && STEPS[this.#step].at !== null;
    if (isToBeMarked && document.querySelector('[data-toured]') === null) this.#place();
  }

  // Below what it is about, else above it; where that is not seen, at the window's foot.
  #place() {
    const { at } = STEPS[this.#step];
    const target = at === null ? null : document.querySelector(at);
    const isSeen = target !== null && target.checkVisibility();
    this.#mark(isSeen ? target : null);
    const { width, height } = this.#box.getBoundingClientRect();
    const seen = room();
    const around = isSeen ? target.getBoundingClientRect() : { left: (seen.width - width) / 2, top: seen.height - GAP, bottom: seen.height };
    const below = around.bottom + GAP;
    const top = below + height + GAP <= seen.height ? below : around.top - GAP - height;
    this.#box.style.left = `${Math.max(GAP, Math.min(around.left, seen.width - width - GAP))}px`;
    this.#box.style.top = `${Math.max(GAP, Math.min(top, seen.height - height - GAP))}px`;
  }
}
