/**
 * Whether what the page shows is live. Test hooks: `html[data-connection]` and `#connection[data-state]` are
 * disconnected | connecting | connected, and of the box also `deaf`: connected, and no news come. `#connection-text` says why; `#connection-token` when the token or the session ends soon.
 */

import { endOf } from '../../realtime/credentials.js';
import { byId, putAway, setAttribute, setText } from '../parts/dom.js';
import { asSentence, formatClock } from '../parts/texts/text.js';

/** Minutes before its end from which the end of a token or session is shown. */
const SOON = 10;

export class ConnectionView {
  #box = byId('connection');
  #text = byId('connection-text');
  #retry = byId('connection-retry');

  constructor({ onRetry, onRenew }) {
    this.#retry.addEventListener('click', onRetry);
    byId('connection-renew').addEventListener('click', onRenew);
  }

  /**
   * `since`: a Date, when the connection was lost or looked for first; null while it is there. `detour`, `isLooking`: of
   * the service; `isDeaf`: the job cannot be watched over HTTP; `hasNews`: the server hears of news itself; `isOut`: nobody is signed in, else who is not connected and no reason is told is about to be; `now`: epoch seconds by the server's clock, which ends the token; `token`: or the session.
   */
  draw(told, reason, { detour, isLooking, isDeaf, hasNews, isOut, token, now, since }) {
    const state = told === 'disconnected' && reason === null && !isOut ? 'connecting' : told;
    this.#drawToken(state === 'connected' ? endOf(token) : null, typeof token === 'string' ? 'Token' : 'Session', now);
    setAttribute(document.documentElement, 'data-connection', told);
    const isLive = state === 'connected' && hasNews && !isDeaf;
    setAttribute(this.#box, 'data-state', state === 'connected' && !isLive ? 'deaf' : state);
    setText(this.#text, wordsOf(state, reason, { detour, isLooking, isDeaf, hasNews, since }));
    putAway(this.#retry, state !== 'disconnected' || reason === null || reason.final);
  }

  #drawToken(end, word, now) {
    const minutes = end === null ? Infinity : Math.max(0, Math.ceil((end / 1_000 - now) / 60));
    putAway(byId('connection-token'), minutes > SOON);
    if (minutes <= SOON) setText(byId('connection-token-text'), `${word} ends in ${minutes} min.`);
  }
}

function wordsOf(state, reason, how) {
  if (state === 'connected') return connectedWords(how);
  const { since } = how;
  if (state === 'connecting') return Date.now() - since < 3_000 ? 'Connecting…' : `Offline since ${formatClock(since)}, connecting…`;
  if (reason === null) return 'Not connected';
  if (reason.final) return asSentence(reason.message);
  const seconds = Math.max(0, Math.ceil((reason.retryAt - Date.now()) / 1000));
  return `Offline since ${formatClock(since)}, next try in ${seconds} s`;
}

function connectedWords({ detour, isLooking, isDeaf, hasNews, since }) {
  if (!hasNews) return `No news since ${formatClock(since ?? new Date())}: the server has lost NATS`;
  const why = detour === 'full' ? 'the server is full' : 'WebSockets are blocked';
  if (isDeaf) return `Not live: ${why}, and over HTTP only stored jobs can be watched`;
  if (isLooking) return `Every few seconds, over HTTP: ${detour === 'full' ? 'the server is full' : 'the server has no stream to spare'}`;
  if (detour === 'full') return 'Live, over HTTP: the server is full';
  return detour === null ? 'Live' : 'Live, over HTTP';
}
