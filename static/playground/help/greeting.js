/**
 * What a person sees first, on the home page: what this is, and three ways to begin. It stays away once it was closed, or the tour
 * was taken, in this browser. Test hooks: `#greeting`, `#greeting-tour`, `#greeting-close`, `#greeting-jobs button`.
 */

import { byId, element, icon, setHidden } from '../parts/dom.js';

const KEPT = 'greeted';

/** Examples that are offered here; the gallery has them all. */
const OFFERED = 3;

export class Greeting {
  #start;

  /** `start(job)`: begin with an example; `tour()`. */
  constructor({ start, tour }) {
    this.#start = start;
    byId('greeting-tour').addEventListener('click', tour);
    byId('greeting-close').addEventListener('click', () => {
      this.close();
      byId('home').focus();
    });
    setHidden(byId('greeting'), wasGreeted());
  }

  /** The jobs of the gallery, of which the first are offered. */
  offer(jobs) {
    byId('greeting-jobs').replaceChildren(...jobs.slice(0, OFFERED).map((job) => element('li', '', this.#button(job))));
    setHidden(byId('greeting-examples'), jobs.length === 0);
  }

  /** A person has seen enough of it. */
  close() {
    setHidden(byId('greeting'), true);
    try {
      localStorage.setItem(KEPT, 'true');
    } catch {
      // it then comes again with the next page
    }
  }

  #button(job) {
    const made = element('button', 'button greeting-job', icon('node'), element('span', '', job.name));
    made.type = 'button';
    made.title = job.about;
    made.addEventListener('click', () => this.#start(job));
    return made;
  }
}

function wasGreeted() {
  try {
    return localStorage.getItem(KEPT) !== null;
  } catch {
    return false;
  }
}
