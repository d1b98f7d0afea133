/**
 * The list of jobs. Test hooks: `button.job[data-job-id]`, aria-current="true" on the one shown, data-unsaved="true"
 * on those with changes that are not saved.
 */

import { byId, element, setAttribute, setHidden } from './dom.js';

export class JobsView {
  #list = byId('jobs-list');
  #onOpen;
  #told = null; // what is shown

  constructor({ onOpen }) {
    this.#onOpen = onOpen;
  }

  /** Show these; those that are shown already stay as they are. */
  show(jobs) {
    const told = JSON.stringify(jobs.map(({ id, name }) => [id, name]));
    if (told === this.#told) return;
    this.#told = told;
    const focused = document.activeElement?.closest('.job')?.dataset.jobId;
    this.#list.replaceChildren(...jobs.map((job) => element('li', '', this.#entry(job))));
    if (focused !== undefined) this.#list.querySelector(`.job[data-job-id="${focused}"]`)?.focus();
    setHidden(byId('jobs-empty'), jobs.length > 0);
  }

  markShown(jobId) {
    for (const entry of this.#list.querySelectorAll('.job')) {
      const shown = entry.dataset.jobId === String(jobId);
      const isNew = shown && entry.getAttribute('aria-current') !== 'true';
      setAttribute(entry, 'aria-current', String(shown));
      if (isNew) entry.scrollIntoView({ block: 'nearest', inline: 'nearest' });
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
