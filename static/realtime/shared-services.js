/** One connection for all parts of a page that watch jobs of the same server with the same token: the same text, or the same function. */

import { JobRealtimeService } from './job-realtime-service.js';

export class SharedServices {
  #entries = []; // {url, token, service, users: how many have taken it}

  /** The service for `url` (ws://…) and `token` (a text, or a function that gives one). Every `take` needs a `leave`. */
  take(url, token) {
    let entry = this.#entries.find((known) => known.url === url && known.token === token);
    if (entry === undefined) this.#entries.push(entry = { url, token, service: new JobRealtimeService({ url, token }), users: 0 });
    entry.users += 1;
    return entry.service;
  }

  /** One user less; the last one closes the connection. */
  leave(service) {
    const entry = this.#entries.find((known) => known.service === service);
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#entries = this.#entries.filter((known) => known !== entry);
    service.dispose();
  }
}
