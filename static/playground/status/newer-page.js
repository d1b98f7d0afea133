/**
 * Whether the server has another page than this one, as after an upgrade. Owns since when: while servers are upgraded one after the other,
 * those of before and after answer in turn, and a reload could lead back to the page that is here. Test hook: `#newer-page`.
 */

import { byId, putAway } from '../parts/dom.js';
import { STATIC } from '../root.js';

/** Milliseconds in which no answer comes from a server that has this page. */
const STEADY = 60_000;

/** In the address of the script; null where there is none. */
const OWN = /\/static-([^/]+)\//.exec(STATIC.href)?.[1] ?? null;

export class NewerPage {
  #announce;
  #own;
  #box = byId('newer-page');
  #timer = null; // until it is offered, and then that it is

  /** `own`: the version of the page that is here, null where it has none. */
  constructor({ announce, own = OWN }) {
    this.#announce = announce;
    this.#own = own;
    byId('page-reload').addEventListener('click', () => location.reload());
  }

  /** `version`: of the page that the server has, which answered; null where it says none. */
  heard(version) {
    if (version === null || this.#own === null) return;
    if (version !== this.#own) this.#timer ??= setTimeout(() => this.#offer(), STEADY);
    else if (this.#timer !== null) this.#takeBack();
  }

  #offer() {
    putAway(this.#box, false);
    this.#announce('The server has a new version of this page.');
  }

  #takeBack() {
    clearTimeout(this.#timer);
    this.#timer = null;
    putAway(this.#box, true);
  }
}
