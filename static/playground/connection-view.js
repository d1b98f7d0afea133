/**
 * Whether what the page shows is live. Test hooks: `html[data-connection]` and `#connection[data-state]` are
 * disconnected | connecting | connected; `#connection-text` says why.
 */

import { byId, setAttribute, setHidden, setText } from './dom.js';

export class ConnectionView {
  #box = byId('connection');
  #text = byId('connection-text');
  #retry = byId('connection-retry');
  #lostAt = null;

  constructor({ onRetry }) {
    this.#retry.addEventListener('click', onRetry);
  }

  draw(state, reason) {
    this.#lostAt = state === 'connected' ? null : (this.#lostAt ?? new Date());
    setAttribute(document.documentElement, 'data-connection', state);
    setAttribute(this.#box, 'data-state', state);
    setText(this.#text, this.#words(state, reason));
    setHidden(this.#retry, state !== 'disconnected' || reason === null || reason.final);
  }

  #words(state, reason) {
    if (state === 'connected') return 'Live';
    if (state === 'connecting') return 'Connecting…';
    if (reason === null) return 'Not connected';
    if (reason.final) return reason.message;
    const seconds = Math.max(0, Math.ceil((reason.retryAt - Date.now()) / 1000));
    const since = this.#lostAt.toLocaleTimeString();
    return `Offline since ${since}, next try in ${seconds} s`;
  }
}
