/**
 * Whether what the page shows is live. Test hooks: `html[data-connection]` and `#connection[data-state]` are
 * disconnected | connecting | connected; `#connection-text` says why; `#connection-token` when the token ends soon.
 */

import { expiryOf } from '../realtime/job-realtime-service.js';
import { byId, setAttribute, setHidden, setText } from './dom.js';
import { asSentence, formatClock } from './text.js';

/** Minutes before its end from which a token's end is shown. */
const SOON = 10;

export class ConnectionView {
  #box = byId('connection');
  #text = byId('connection-text');
  #retry = byId('connection-retry');

  constructor({ onRetry, onRenew }) {
    this.#retry.addEventListener('click', onRetry);
    byId('connection-renew').addEventListener('click', onRenew);
  }

  /** `since`: a Date, when the connection was lost or looked for first; null while it is there. */
  draw(state, reason, { transport, token, since }) {
    this.#drawToken(state === 'connected' ? expiryOf(token) : null);
    setAttribute(document.documentElement, 'data-connection', state);
    setAttribute(this.#box, 'data-state', state);
    setText(this.#text, wordsOf(state, reason, transport, since));
    setHidden(this.#retry, state !== 'disconnected' || reason === null || reason.final);
  }

  #drawToken(end) {
    const minutes = end === null ? Infinity : Math.max(0, Math.ceil((end - Date.now()) / 60_000));
    setHidden(byId('connection-token'), minutes > SOON);
    if (minutes <= SOON) setText(byId('connection-token-text'), `Token ends in ${minutes} min.`);
  }
}

function wordsOf(state, reason, transport, since) {
  if (state === 'connected') return transport === 'http' ? 'Live, over HTTP' : 'Live';
  if (state === 'connecting') return Date.now() - since < 3_000 ? 'Connecting…' : `Offline since ${formatClock(since)}, connecting…`;
  if (reason === null) return 'Not connected';
  if (reason.final) return asSentence(reason.message);
  const seconds = Math.max(0, Math.ceil((reason.retryAt - Date.now()) / 1000));
  return `Offline since ${formatClock(since)}, next try in ${seconds} s`;
}
