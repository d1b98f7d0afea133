/**
 * Whether what the page shows is true now: connected to a server that hears of news itself. Owns since when it is not. Offline, nobody
 * knows what is silent, and time stands still: what was known then is shown as of then.
 */

/** Milliseconds that the first connection may take until what is shown counts as old. */
const FIRST_PATIENCE = 3_000;

export class Liveness {
  #service;
  #now;
  #isPast;
  #onBack;
  #settled = Promise.withResolvers();
  #lost = null; // {at: Date, now: epoch seconds by the server's clock}: since when nothing is heard; null while live
  #wasLive = false;

  /** `now()`: epoch seconds by the server's clock; `isPast()`: a past run is looked at, which does not grow old; `onBack({isFirst})`: news is heard, again or for the first time. */
  constructor({ service, now, isPast, onBack }) {
    this.#service = service;
    this.#now = now;
    this.#isPast = isPast;
    this.#onBack = onBack;
    this.#noteLoss();
  }

  /** The connection, or what the server hears, is another than before. */
  note() {
    if (this.#service.state !== 'connecting') this.#settled.resolve();
    if (!this.isLive) this.#noteLoss();
    else if (this.#lost !== null) {
      const isFirst = !this.#wasLive;
      this.#lost = null;
      this.#wasLive = true;
      this.#onBack({ isFirst });
    }
  }

  /** Resolves once the first connection stands, or cannot be had, and after `wait` milliseconds. */
  settled(wait) {
    return Promise.race([this.#settled.promise, new Promise((resolve) => setTimeout(resolve, wait))]);
  }

  get isLive() {
    return this.#service.state === 'connected' && this.#service.serverState.nats === 'ok';
  }

  /** A Date: since when nothing is heard; null while live. */
  get lostAt() {
    return this.#lost?.at ?? null;
  }

  /** A Date: since when what is shown may not be true any more; null while it is. */
  get staleSince() {
    return this.#stale?.at ?? null;
  }

  /** Why it is stale: the server is away, or it hears of nothing itself. */
  get staleWord() {
    return this.#service.state === 'connected' ? 'No news' : 'Offline';
  }

  /** Epoch seconds as of which the page shows things. */
  get now() {
    return this.#stale?.now ?? this.#now();
  }

  /** Seconds by which silence is measured; null offline. */
  get clock() {
    return this.#lost === null ? this.now : null;
  }

  get #stale() {
    if (this.#lost === null || this.#isPast()) return null;
    return this.#wasLive || Date.now() - this.#lost.at > FIRST_PATIENCE ? this.#lost : null;
  }

  #noteLoss() {
    this.#lost ??= { at: new Date(), now: this.#now() };
  }
}
