/**
 * Drafts that outlive the page: changes to a job that are not saved, by tenant and job, in this browser's
 * localStorage. A browser that keeps nothing (private windows, a full disk) is no error: `keep` tells.
 */

const PREFIX = 'playground.draft';

export class KeptDrafts {
  #tenant;

  /** `tenant()`: whose jobs the page shows. */
  constructor(tenant) {
    this.#tenant = tenant;
  }

  /** Keep a draft of the job that was read with `etag`; false when the browser would not. */
  keep(jobId, { etag, graph }) {
    try {
      localStorage.setItem(this.#key(jobId), JSON.stringify({ etag, graph, keptAt: Date.now() / 1000 }));
      return true;
    } catch {
      return false;
    }
  }

  /** {etag, graph, keptAt: epoch seconds}, or null. */
  of(jobId) {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#key(jobId)));
      return isDraft(kept) ? kept : null;
    } catch {
      return null;
    }
  }

  drop(jobId) {
    try {
      localStorage.removeItem(this.#key(jobId));
    } catch {
      // nothing was kept
    }
  }

  #key(jobId) {
    return `${PREFIX}.${this.#tenant()}.${jobId}`;
  }
}

function isDraft(kept) {
  const { nodes, edges } = kept?.graph ?? {};
  return Array.isArray(nodes) && Array.isArray(edges) && nodes.every((node) => Number.isInteger(node?.id)) && Number.isFinite(kept.keptAt);
}
