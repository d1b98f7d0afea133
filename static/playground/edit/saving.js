/** Saves and deletions that take nobody else's work away unasked. */

import { confirmed } from './confirm.js';

/**
 * Put `document` ({name, graph}) in place of the job that was read with `etag`. Where somebody saved another meanwhile,
 * the person is asked. Resolves to the job as saved, or null: they would rather not.
 */
export async function saveOver(api, { id, etag }, document) {
  try {
    return await api.saveJob(id, document, etag);
  } catch (problem) {
    if (problem.status !== 412) throw problem;
  }
  const stored = await api.job(id);
  const wanted = await confirmed({
    title: 'Changed elsewhere',
    text: `Somebody saved “${stored.name}” after you opened it. Saving now replaces what they did.`,
    yes: 'Replace it',
  });
  return wanted ? api.saveJob(id, document, stored.etag) : null;
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
