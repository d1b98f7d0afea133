/** Asks for a token when there is none, or none that the server takes. Test hooks: `#token`, `#token-title`, `#token-text`. */

import { all, byId, setHidden, setText } from './dom.js';

export class TokenView {
  #section = byId('token');
  #field = byId('token-field');

  constructor({ onToken }) {
    byId('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const token = tokenIn(this.#field.value);
      this.#field.value = '';
      onToken(token);
    });
    byId('token-close').addEventListener('click', () => this.close());
    this.#section.addEventListener('keydown', (event) => event.key === 'Escape' && !byId('token-close').hidden && this.close());
  }

  /** `canWait`: nothing is lost yet, and the person may go on without. */
  open(title, text, { canWait = false } = {}) {
    setHidden(byId('token-close'), !canWait);
    setText(byId('token-title'), title);
    setText(byId('token-text'), text);
    if (!this.#section.hidden) return;
    this.#show(true);
    this.#field.focus();
  }

  get isOpen() {
    return !this.#section.hidden;
  }

  close() {
    this.#show(false);
  }

  // What lies behind it is out of reach for the keyboard too.
  #show(open) {
    setHidden(this.#section, !open);
    for (const behind of all('.pages, .home, .jobs, .palette, .bench, .details')) behind.inert = open;
  }
}

// People paste the whole link as often as the token in it.
function tokenIn(text) {
  const linked = /[?&]token=([^&\s]+)/.exec(text);
  return (linked === null ? text : linked[1]).trim();
}
