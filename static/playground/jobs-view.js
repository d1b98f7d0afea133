/**
 * The list of jobs. Test hooks: `button.job[data-job-id]`, aria-current="true" on the one shown, data-unsaved="true"
 * on those with changes that are not saved.
 */

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

  /** Mark the jobs with changes that are not saved. */
  markUnsaved(jobIds) {
    for (const entry of this.#list.querySelectorAll('.job')) {
      const unsaved = jobIds.includes(Number(entry.dataset.jobId));
      setAttribute(entry, 'data-unsaved', String(unsaved));
      setHidden(entry.querySelector('.job-unsaved'), !unsaved);
    }
  }

  #entry({ id, name }) {
    const label = element('span', 'job-label', name);
    label.title = name;
    const unsaved = element('span', 'job-unsaved', element('span', 'visually-hidden', 'has unsaved changes'));
    unsaved.hidden = true;
    const button = element('button', 'job', label, unsaved, element('span', 'job-number', `#${id}`));
    button.type = 'button';
    button.dataset.jobId = String(id);
    button.addEventListener('click', () => this.#onOpen(id));
    return button;
  }
}
