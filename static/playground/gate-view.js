/** Asks for a token when there is none, or none that the server takes. Test hooks: `#gate`, `#gate-title`, `#gate-text`. */

import { byId, setHidden, setText } from './dom.js';

export class GateView {
  #gate = byId('gate');
  #field = byId('gate-token');

  constructor({ onToken }) {
    byId('gate-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const token = tokenIn(this.#field.value);
      this.#field.value = '';
      onToken(token);
    });
    byId('gate-close').addEventListener('click', () => this.close());
    this.#gate.addEventListener('keydown', (event) => event.key === 'Escape' && !byId('gate-close').hidden && this.close());
  }

  /** `canWait`: nothing is lost yet, and the person may go on without. */
  open(title, text, { canWait = false } = {}) {
    setHidden(byId('gate-close'), !canWait);
    setText(byId('gate-title'), title);
    setText(byId('gate-text'), text);
    if (!this.#gate.hidden) return;
    this.#show(true);
    this.#field.focus();
  }

  close() {
    this.#show(false);
  }

  // What lies behind the gate is out of reach for the keyboard too.
  #show(open) {
    setHidden(this.#gate, !open);
    for (const behind of document.querySelectorAll('.jobs, .palette, .bench, .details')) behind.inert = open;
  }
}

// People paste the whole link as often as the token in it.
function tokenIn(text) {
  const linked = /[?&]token=([^&\s]+)/.exec(text);
  return (linked === null ? text : linked[1]).trim();
}
