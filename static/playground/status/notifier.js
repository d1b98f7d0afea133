/**
 * Tells by a notification of the browser that a run has ended, of the jobs for which a person wanted that; kept in this browser, by tenant.
 * Two tabs tell it once: the browser replaces a notification by another one with the same tag.
 */

import { STATIC } from '../root.js';
import { currentTenant } from '../session/session.js';

const KEY = 'playground.notified-jobs';

/** Jobs that are kept; then the one that was chosen first goes. */
const MOST_JOBS = 200;

/** Ended runs that are remembered, so that each is told once. */
const MOST_TOLD = 200;

export class Notifier {
  #onOpen;
  #told = []; // run ids, the latest last

  /** `onOpen(jobId, runId)`: the person pressed the notification. */
  constructor({ onOpen }) {
    this.#onOpen = onOpen;
  }

  isWanted(jobId) {
    return this.#isAllowed && wantedJobs().includes(jobId);
  }

  /** Want it, or not any more. Returns why it cannot be had, or null. */
  async toggle(jobId) {
    if (this.isWanted(jobId)) return keep(wantedJobs().filter((id) => id !== jobId));
    if (!('Notification' in globalThis) || !isSecureContext) return 'This browser gives no notifications to a page without https.';
    const permission = await Notification.requestPermission();
    if (permission !== 'granted') return 'The browser does not let this page send notifications: its settings for this site can allow them.';
    return keep([...wantedJobs().filter((id) => id !== jobId), jobId]);
  }

  /** A run has ended: {runId, jobId}; `title` and `text` say how. Told once, and only where it is wanted. */
  ended({ runId, jobId }, title, text) {
    if (this.#told.includes(runId) || !this.isWanted(jobId)) return;
    this.#told = [...this.#told, runId].slice(-MOST_TOLD);
    const shown = made(title, { body: text, tag: `run-${runId}`, icon: new URL('favicon.svg', STATIC).href });
    if (shown === null) return;
    shown.onclick = () => {
      globalThis.focus();
      shown.close();
      this.#onOpen(jobId, runId);
    };
  }

  get #isAllowed() {
    return globalThis.Notification?.permission === 'granted';
  }
}

// Android's Chrome lets only service workers make one, and throws.
function made(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    return null;
  }
}

function wantedJobs() {
  try {
    const kept = JSON.parse(localStorage.getItem(`${KEY}.${currentTenant()}`) ?? '[]');
    return Array.isArray(kept) ? kept.filter(Number.isSafeInteger) : [];
  } catch {
    return [];
  }
}

function keep(jobIds) {
  try {
    localStorage.setItem(`${KEY}.${currentTenant()}`, JSON.stringify(jobIds.slice(-MOST_JOBS)));
    return null;
  } catch {
    return 'This browser keeps nothing for this page, so it cannot remember that.';
  }
}
