/** One connection for all parts of a page that watch jobs of the same server with the same token. */

import { JobRealtimeService } from './job-realtime-service.js';

/** Milliseconds in which the server says of a token that a page gave that it does not take it. */
const ANSWER_WAIT = 10_000;

export class SharedServices {
  #entries = []; // {url, token, service, users: how many have taken it, renewedAt: when its token was replaced}

  /** The service for `url` (ws://…) and `token` (a text, or a function that gives one). Every `take` needs a `leave`. */
  take(url, token) {
    let entry = this.#find(url, token);
    if (entry === undefined) this.#entries.push(entry = newEntry(url, token));
    entry.users += 1;
    return entry.service;
  }

  /**
   * Whether a service goes on, on its connection, with another token for its only user: frameworks give a new function with each
   * rendering. Not where others have the service, or one with the new token.
   */
  renew(service, token) {
    const entry = this.#entries.find((known) => known.service === service);
    if (entry.token === token) return true;
    if (token === '' || entry.users > 1 || this.#find(entry.url, token) !== undefined) return false;
    entry.token = token;
    entry.renewedAt = performance.now();
    if (service.reason?.final || (typeof token === 'string' && service.state !== 'connected')) service.reconnect();
    else service.renewToken();
    return true;
  }

  /** One user less; the last one closes the connection. */
  leave(service) {
    const entry = this.#entries.find((known) => known.service === service);
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#entries = this.#entries.filter((known) => known !== entry);
    service.dispose();
  }

  #find(url, token) {
    return this.#entries.find((known) => known.url === url && known.token === token);
  }
}

function newEntry(url, token) {
  const entry = { url, token, users: 0, renewedAt: -Infinity };
  entry.service = new JobRealtimeService({ url, token: () => (typeof entry.token === 'function' ? entry.token() : entry.token) });
  entry.service.onError(({ code }) => {
    const isOfPage = performance.now() - entry.renewedAt < ANSWER_WAIT; // its new token is for something else than the one of before
    if (code === 'bad_token' && isOfPage) entry.service.reconnect();
  });
  return entry;
}
