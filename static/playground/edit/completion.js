/**
 * Completes names in a field of an expression: a list under it, of functions and columns, and the help of the call that
 * the caret is in. Arrows choose, Enter and Tab take, Escape closes; Ctrl+Space asks. The field keeps the focus.
 * Test hooks: `.completion`, its `[role="option"]`, `.completion-help`.
 */

import { element, setAttribute, setHidden, setText } from '../dom.js';
import { callAt, offersFor, wordAt } from './words.js';

let nextId = 0;

/** Wraps the input (or textarea) of an expression. `words()`: {functions, columns}; `announce(text)`. */
export function completing(input, { words, announce }) {
  const completion = new Completion(input, words, announce);
  return completion.element;
}

class Completion {
  #input;
  #words;
  #announce;
  #list = element('div', 'completion');
  #help = element('p', 'completion-help');
  #offers = [];
  #start = 0; // of the word that an offer takes the place of
  #active = -1;

  constructor(input, words, announce) {
    this.#input = input;
    this.#words = words;
    this.#announce = announce;
    this.#list.id = `completion-${(nextId += 1)}`;
    this.#list.hidden = true;
    this.#help.hidden = true;
    this.#list.setAttribute('role', 'listbox');
    this.#list.setAttribute('aria-label', 'Functions and columns');
    input.setAttribute('aria-autocomplete', 'list');
    this.element = element('div', 'completing', input, this.#list, this.#help);
    this.#listen();
  }

  #listen() {
    this.#input.addEventListener('input', (event) => {
      if (!event.isComposing) this.#offer({ asked: false });
    });
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    this.#input.addEventListener('keyup', () => this.#explain());
    this.#input.addEventListener('click', () => {
      this.#close();
      this.#explain();
    });
    this.#input.addEventListener('blur', () => {
      this.#close();
      setHidden(this.#help, true);
    });
    this.#list.addEventListener('pointerdown', (event) => event.preventDefault()); // the field keeps the focus
    this.#list.addEventListener('click', (event) => {
      const place = [...this.#list.children].indexOf(event.target.closest('[role="option"]'));
      if (place >= 0) this.#take(place);
    });
  }

  get #isOpen() {
    return !this.#list.hidden;
  }

  #offer({ asked }) {
    const { value, selectionStart: caret, selectionEnd } = this.#input;
    const found = caret === selectionEnd ? wordAt(value, caret) : null;
    const isWanted = found !== null && (asked || found.word !== '');
    this.#offers = isWanted ? offersFor(found.word, this.#words()) : [];
    this.#start = found?.start ?? 0;
    this.#explain();
    if (this.#offers.length === 0) return this.#close();
    this.#list.replaceChildren(...this.#offers.map((offer, place) => this.#option(offer, place)));
    if (!this.#isOpen) this.#announce(`${this.#offers.length} suggestions, arrow down to choose`);
    this.#list.hidden = false;
    this.#input.setAttribute('aria-controls', this.#list.id);
    return this.#activate(-1);
  }

  #option({ label, hint }, place) {
    const made = element('div', 'completion-item', element('code', '', label), element('span', 'completion-hint', hint));
    made.id = `${this.#list.id}-${place}`;
    made.setAttribute('role', 'option');
    return made;
  }

  #activate(place) {
    this.#active = place;
    [...this.#list.children].forEach((item, at) => setAttribute(item, 'aria-selected', String(at === place)));
    if (place < 0) this.#input.removeAttribute('aria-activedescendant');
    else setAttribute(this.#input, 'aria-activedescendant', this.#list.children[place].id);
  }

  // What the call takes that the caret is in.
  #explain() {
    const name = callAt(this.#input.value, this.#input.selectionStart ?? 0);
    const called = this.#words().functions.find((one) => one.name === name);
    setText(this.#help, called === undefined ? '' : `${called.signature} → ${called.returns}. ${called.help} ${called.example} is ${called.gives}.`);
    setHidden(this.#help, called === undefined);
  }

  #onKey(event) {
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      this.#offer({ asked: true });
      return;
    }
    if (!this.#isOpen || event.isComposing) return;
    const count = this.#offers.length;
    if (event.key === 'ArrowDown') this.#activate((this.#active + 1) % count);
    else if (event.key === 'ArrowUp') this.#activate((Math.max(this.#active, 0) + count - 1) % count);
    else if (event.key === 'Escape') this.#close();
    else if ((event.key === 'Enter' || event.key === 'Tab') && this.#active >= 0 && !event.shiftKey) this.#take(this.#active);
    else {
      if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) this.#close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #take(place) {
    const { insert } = this.#offers[place];
    const { value, selectionEnd } = this.#input;
    const end = selectionEnd + (/^\w*/.exec(value.slice(selectionEnd))[0].length);
    const isCalled = insert.endsWith('(') && value[end] === '(';
    this.#input.setRangeText(isCalled ? insert.slice(0, -1) : insert, this.#start, end, 'end');
    if (isCalled) this.#input.setSelectionRange(this.#input.selectionEnd + 1, this.#input.selectionEnd + 1);
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
    this.#close();
    this.#input.focus();
  }

  #close() {
    if (!this.#isOpen) return;
    this.#list.hidden = true;
    this.#input.removeAttribute('aria-controls');
    this.#activate(-1);
  }
}
