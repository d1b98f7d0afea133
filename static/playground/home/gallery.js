/**
 * The gallery on the home page: jobs over the sample shop's data, to start from. Test hooks: `#gallery`, `#gallery-list li`.
 */

import { iconOf } from '../graph/node-icons.js';
import { byId, element, icon, setHidden } from '../parts/dom.js';

export class Gallery {
  #api;
  #page;
  #make;
  #offer;
  #isAsked = false;
  #isMissed = false;

  /** `make({name, graph}) → Promise`: a new job; `offer(jobs)`: these can be started with. */
  constructor({ api, page, make, offer }) {
    this.#api = api;
    this.#page = page;
    this.#make = make;
    this.#offer = offer;
  }

  /** It is looked at: the jobs are asked for, once. `types`: node types by their names; none where they are not known yet. */
  async look(types) {
    if (this.#isAsked || types.size === 0) return;
    this.#isAsked = true;
    this.#isMissed = !(await this.#page.attempt(() => this.#load(types), { quiet: true }));
  }

  /** The server answers: what it could not tell before is asked for with the next look. */
  askAgain() {
    if (this.#isMissed) this.#isAsked = this.#isMissed = false;
  }

  // A server without a sample shop has none.
  async #load(types) {
    const jobs = await this.#api.gallery();
    byId('gallery-list').replaceChildren(...jobs.map((job) => this.#card(job, types)));
    setHidden(byId('gallery'), jobs.length === 0);
    this.#offer(jobs);
  }

  /** Make a job of one of them, and show it. */
  start({ name, graph }) {
    return this.#page.attempt(() => this.#make({ name, graph }));
  }

  #card({ name, about, graph }, types) {
    const button = element('button', 'button', 'Start with it');
    button.type = 'button';
    button.setAttribute('aria-label', `Start with ${name}`);
    button.addEventListener('click', () => this.start({ name, graph }));
    return element('li', 'gallery-card', element('h3', '', name), element('p', '', about), steps(graph, types), button);
  }
}

// The types of its nodes, each once, in the order of their first nodes.
function steps({ nodes }, types) {
  const made = element('p', 'gallery-steps');
  for (const name of new Set(nodes.map((node) => node.type))) {
    const type = types.get(name);
    made.append(element('span', 'gallery-step', icon(iconOf(name, type)), type?.label ?? name));
  }
  return made;
}
