/**
 * Completes names in a field: a list under it, of functions, columns or tables, and the help of the call that the caret is in. Arrows choose, Enter and Tab take, Escape closes; Ctrl+Space asks. The field keeps the focus.
 * Test hooks: `.completion`, its `[role="option"]`, `.completion-help`.
 */

import { element, ownTextElement, setAttribute, setHidden, setText } from '../../parts/dom.js';
import { afterPress } from '../../parts/presses.js';

let nextId = 0;

/** What a field is told of when more can be offered than was known as its last letter was typed. */
const LEARNED = 'words-learned';

/** The field that is being typed in, where it completes names, offers what has become known since. */
export function offerLearned() {
  document.activeElement?.dispatchEvent(new Event(LEARNED));
}

/**
 * Wraps an input or textarea. `find(text, caret)` → {start, end, word, offers: [{label, hint, insert}]} or null;
 * `explain(text, caret)` → a text, '' for none; `announce(text)`; `label`: what is offered.
 */
export function completing(input, says) {
  const completion = new Completion(input, says);
  return completion.element;
}

class Completion {
  #input;
  #says;
  #list = element('div', 'completion');
  #help = element('p', 'completion-help');
  #offers = [];
  #place = { start: 0, end: 0 }; // of what an offer takes the place of
  #active = -1;
  #isTyping = false; // the last thing that was done in the field

  constructor(input, says) {
    this.#input = input;
    this.#says = says;
    this.#list.id = `completion-${(nextId += 1)}`;
    this.#list.hidden = true;
    this.#help.hidden = true;
    this.#list.setAttribute('role', 'listbox');
    this.#list.setAttribute('aria-label', says.label);
    input.setAttribute('aria-autocomplete', 'list');
    this.element = element('div', 'completing', input, this.#list, this.#help);
    this.#listen();
  }

  #listen() {
    this.#input.addEventListener('input', (event) => {
      if (event.isComposing) return;
      this.#isTyping = true;
      this.#offer({ asked: false });
    });
    this.#input.addEventListener(LEARNED, () => this.#isTyping && !this.#isOpen && this.#offer({ asked: false }));
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    this.#input.addEventListener('keyup', () => this.#explain());
    this.#input.addEventListener('click', () => {
      this.#leave();
      this.#explain();
    });
    this.#input.addEventListener('blur', () => afterPress(() => this.#left()));
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
    const found = caret === selectionEnd ? this.#says.find(value, caret) : null;
    const isWanted = found !== null && (asked || found.word !== '');
    this.#offers = isWanted ? found.offers : [];
    if (found !== null) this.#place = found;
    this.#explain();
    if (this.#offers.length === 0) return this.#close();
    this.#list.replaceChildren(...this.#offers.map((offer, place) => this.#option(offer, place)));
    if (!this.#isOpen) this.#says.announce(`${this.#offers.length} suggestions, arrow down to choose`);
    this.#list.hidden = false;
    this.#input.setAttribute('aria-controls', this.#list.id);
    return this.#activate(-1);
  }

  #option({ label, hint }, place) {
    const made = element('div', 'completion-item', ownTextElement('code', '', label), element('span', 'completion-hint', hint));
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
    const text = this.#says.explain?.(this.#input.value, this.#input.selectionStart ?? 0) ?? '';
    setText(this.#help, text);
    setHidden(this.#help, text === '');
  }

  #onKey(event) {
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      this.#offer({ asked: true });
      return;
    }
    if (['ArrowLeft', 'ArrowRight', 'Home', 'End', 'Escape'].includes(event.key)) this.#isTyping = false;
    if (!this.#isOpen) return;
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
    const { value } = this.#input;
    const { start, end } = this.#place;
    const isCalled = insert.endsWith('(') && value[end] === '(';
    this.#input.setRangeText(isCalled ? insert.slice(0, -1) : insert, start, end, 'end');
    if (isCalled) this.#input.setSelectionRange(this.#input.selectionEnd + 1, this.#input.selectionEnd + 1);
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
    this.#leave();
    this.#input.focus();
  }

  #leave() {
    this.#isTyping = false;
    this.#close();
  }

  #left() {
    if (document.activeElement === this.#input) return; // it is back
    this.#leave();
    setHidden(this.#help, true);
  }

  #close() {
    if (!this.#isOpen) return;
    this.#list.hidden = true;
    this.#input.removeAttribute('aria-controls');
    this.#activate(-1);
  }
}
