/** Saves and deletions that take nobody else's work away unasked. */

import { isSame } from '../compare.js';
import { confirmed } from './confirm.js';

// Job id → the document that was sent last, while its answer is not there: the server may have it.
const unanswered = new Map();

/**
 * Put `document` ({name, graph}) in place of the job that was read with `etag`. Where somebody saved another meanwhile,
 * the person is asked. Resolves to the job as saved, or null: they would rather not.
 */
export async function saveOver(api, { id, etag }, document) {
  const before = unanswered.get(id);
  try {
    return await sent(api, { id, etag }, document);
  } catch (problem) {
    if (problem.status !== 412) throw problem;
  }
  const stored = await api.job(id);
  if (isOf(stored, document)) return stored;
  const wanted = isOf(stored, before) ||
    (await confirmed({
      title: 'Changed elsewhere',
      text: `Somebody saved “${stored.name}” after you opened it. Saving now replaces what they did.`,
      yes: 'Replace it',
    }));
  return wanted ? sent(api, stored, document) : null;
}

async function sent(api, { id, etag }, document) {
  unanswered.set(id, document);
  try {
    const saved = await api.saveJob(id, document, etag);
    unanswered.delete(id);
    return saved;
  } catch (problem) {
    if (problem.status >= 400 && problem.status < 500) unanswered.delete(id);
    throw problem;
  }
}

// Whether that is what a save of ours put there.
function isOf(stored, document) {
  return document !== undefined && stored.name === document.name && isSame(stored.asStored, document.graph);
}

/** Delete the job that was read with `etag`, as saveOver puts another in its place. Resolves to whether it is deleted. */
export async function deleteAsSeen(api, { id, etag }) {
  try {
    await api.deleteJob(id, etag);
    return true;
  } catch (problem) {
    if (problem.status !== 412) throw problem;
  }
  const stored = await api.job(id);
  const wanted = await confirmed({
    title: 'Changed elsewhere',
    text: `Somebody saved “${stored.name}” after you opened it. Deleting it now deletes what they did.`,
    yes: 'Delete it',
  });
  if (wanted) await api.deleteJob(id, stored.etag);
  return wanted;
}
