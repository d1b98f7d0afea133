/** The list of jobs. Test hooks: `button.job[data-job-id]`, aria-current="true" on the one shown. */

import { byId, element, setAttribute, setHidden } from './dom.js';

export class JobsView {
  #list = byId('jobs-list');
  #onOpen;

  constructor({ onOpen }) {
    this.#onOpen = onOpen;
  }

  show(jobs) {
    this.#list.replaceChildren(...jobs.map((job) => element('li', '', this.#entry(job))));
    setHidden(byId('jobs-empty'), jobs.length > 0);
  }

  markShown(jobId) {
    for (const entry of this.#list.querySelectorAll('.job')) {
      const shown = entry.dataset.jobId === String(jobId);
      setAttribute(entry, 'aria-current', String(shown));
      if (shown) entry.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }

  #entry({ id, name }) {
    const label = element('span', 'job-label', name);
    label.title = name;
    const button = element('button', 'job', label, element('span', 'job-number', `#${id}`));
    button.type = 'button';
    button.dataset.jobId = String(id);
    button.addEventListener('click', () => this.#onOpen(id));
    return button;
  }
}
