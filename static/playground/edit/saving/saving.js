/** Saves and deletions that take nobody else's work away unasked. */

import { confirmed } from '../../parts/questions/confirm.js';
import { isSame } from '../../parts/same-json.js';

const MOST_UNANSWERED = 20; // of a job: each attempt while the server is away is one

// Job id → the documents whose saves were not answered, the latest last: the server may have any of them.
const unanswered = new Map();

/**
 * Put `document` ({name, graph}) in place of the job that was read with `etag`. Where somebody saved another meanwhile,
 * the person is asked. Resolves to the job as saved, or null: they would rather not.
 */
export async function saveOver(api, { id, etag }, document) {
  try {
    return await send(api, { id, etag }, document);
  } catch (problem) {
    if (problem.status !== 412) throw problem;
  }
  const stored = await api.job(id);
  if (isOf(stored, document)) {
    unanswered.delete(id);
    return stored;
  }
  const wanted = wasSentHere(stored) ||
    (await confirmed({
      title: 'Changed elsewhere',
      text: `Somebody saved “${stored.name}” after you opened it. Saving now replaces what they did.`,
      yes: 'Replace it',
    }));
  return wanted ? send(api, stored, document) : null;
}

/** Put `document` in place of the job that was read with `etag`, or reject with a Problem of status 412. */
export async function send(api, { id, etag }, document) {
  unanswered.set(id, [...(unanswered.get(id) ?? []), document].slice(-MOST_UNANSWERED));
  try {
    const saved = await api.saveJob(id, document, etag);
    unanswered.delete(id);
    return saved;
  } catch (problem) {
    if (problem.status >= 400 && problem.status < 500) forget(id, document);
    throw problem;
  }
}

// Another save of the job that was answered meanwhile has forgotten all.
function forget(id, document) {
  unanswered.set(id, (unanswered.get(id) ?? []).filter((one) => one !== document));
}

/** Whether a job that the server has is what a save of this page put there, whose answer was lost. */
export function wasSentHere(stored) {
  return (unanswered.get(stored.id) ?? []).some((document) => isOf(stored, document));
}

function isOf(stored, document) {
  return stored.name === document.name && isSame(stored.asStored, document.graph);
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
