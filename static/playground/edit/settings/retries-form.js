/**
 * How often a run that failed is tried again, and after which wait: a setting of the job.
 * Test hooks: `#retries-count`, `#retries-wait`, `#retries-cap`, and those of CheckedForm for `#retries`.
 */

import { byId } from '../../parts/dom.js';
import { CheckedForm } from './checked-form.js';

/** What a graph that names a count alone means, in seconds. */
const OTHERWISE = { count: 0, wait: 60, cap: 3_600 };

export function retriesForm() {
  return new CheckedForm('retries', { fill, read, first: 'retries-count' });
}

function fill(retries) {
  const known = { ...OTHERWISE, ...(typeof retries === 'object' ? retries : {}) };
  for (const name of Object.keys(OTHERWISE)) byId(`retries-${name}`).value = String(known[name]);
}

function read() {
  const retries = Object.fromEntries(Object.keys(OTHERWISE).map((name) => [name, numberOf(byId(`retries-${name}`).value)]));
  return retries.count === 0 ? null : retries;
}

// What is no whole number goes to the server as it is, which says so.
function numberOf(text) {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text) : text;
}
