/**
 * Asks for a token when there is none, or none that the server takes; above all else, so that a dialog with what somebody wrote waits below it.
 * Test hooks: `#token`, `#token-title`, `#token-text`.
 */

import { byId, setHidden, setText, takeEscape } from '../parts/dom.js';

export class TokenView {
  #dialog = byId('token');
  #field = byId('token-field');
  #notNow = byId('token-close');

  constructor({ onToken }) {
    byId('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const token = tokenIn(this.#field.value);
      this.#field.value = '';
      onToken(token);
    });
    this.#notNow.addEventListener('click', () => this.close());
    takeEscape(this.#dialog, () => this.#notNow.hidden || this.close());
  }

  /** `canWait`: nothing is lost yet, and the person may go on without. */
  open(title, text, { canWait = false } = {}) {
    setHidden(this.#notNow, !canWait);
    setText(byId('token-title'), title);
    setText(byId('token-text'), text);
    if (this.isOpen) return;
    this.#dialog.showModal();
    this.#field.focus();
  }

  /** Whether the question that is asked can wait. */
  get canWait() {
    return !this.#notNow.hidden;
  }

  get isOpen() {
    return this.#dialog.open;
  }

  close() {
    this.#dialog.close();
  }
}

// People paste the whole link as often as the token in it.
function tokenIn(text) {
  const linked = /[?&]token=([^&\s]+)/.exec(text);
  return (linked === null ? text : linked[1]).trim();
}
