/**
 * Drafts that outlive the page: changes to a job that are not saved, in this browser's localStorage, by tenant, job and
 * tab. A tab writes its own alone, so that two never overwrite each other; it can see what others left. A browser that
 * keeps nothing (private windows, a full disk) is no error: `keep` tells.
 */

const PREFIX = 'playground.draft';

/** Seconds after which a draft is thrown away, since its job may be gone, too: a month. */
const FORGOTTEN = 30 * 86_400;

export class KeptDrafts {
  #tenant;
  #tab;

  /** `tenant()`: whose jobs the page shows; `tab`: this tab's name. */
  constructor(tenant, tab) {
    this.#tenant = tenant;
    this.#tab = tab;
    for (const draft of keys().filter((key) => key.startsWith(`${PREFIX}.`)).map(read)) if (draft !== null && isForgotten(draft)) remove(draft.key);
  }

  /** Keep a draft of the job that was read with `etag`; false when the browser would not. */
  keep(jobId, { etag, name, graph }) {
    try {
      localStorage.setItem(this.#key(jobId), JSON.stringify({ etag, name, graph, keptAt: Date.now() / 1000 }));
      return true;
    } catch {
      return false;
    }
  }

  /** This tab's: {etag, name, graph, keptAt: epoch seconds, key}, or null. One of before November 2026 has no name. */
  of(jobId) {
    return read(this.#key(jobId));
  }

  /** The newest that another tab has or left, or null. */
  otherOf(jobId) {
    const drafts = keys().filter((key) => this.#isOthers(key, jobId)).map(read);
    return drafts.filter((draft) => draft !== null && !isForgotten(draft)).sort((a, b) => b.keptAt - a.keptAt)[0] ?? null;
  }

  drop(jobId) {
    remove(this.#key(jobId));
  }

  /** Throw away a draft that `of` or `otherOf` gave. */
  dropOther({ key }) {
    remove(key);
  }

  /** `listener(isOf)` is called when another tab keeps a draft; `isOf(jobId)` tells whether it is of that job. */
  onOther(listener) {
    window.addEventListener('storage', ({ key, newValue }) => {
      if (key !== null && newValue !== null) listener((jobId) => this.#isOthers(key, jobId));
    });
  }

  #isOthers(key, jobId) {
    return key.startsWith(`${this.#stem(jobId)}.`) && key !== this.#key(jobId);
  }

  #key(jobId) {
    return `${this.#stem(jobId)}.${this.#tab}`;
  }

  #stem(jobId) {
    return `${PREFIX}.${this.#tenant()}.${jobId}`;
  }
}

function keys() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}

function read(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key));
    return isDraft(kept) ? { ...kept, key } : null;
  } catch {
    return null;
  }
}

function remove(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // nothing was kept
  }
}

function isForgotten({ keptAt }) {
  return keptAt < Date.now() / 1000 - FORGOTTEN;
}

function isDraft(kept) {
  const { nodes, edges } = kept?.graph ?? {};
  return Array.isArray(nodes) && Array.isArray(edges) && nodes.every((node) => Number.isInteger(node?.id)) && Number.isFinite(kept.keptAt);
}
