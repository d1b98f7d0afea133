/**
 * Whether a job's runs keep what their nodes give: a setting of the job.
 * Test hooks: `#keep-outputs-on`, and those of CheckedForm for `#keep-outputs`.
 */

import { byId } from '../../parts/dom.js';
import { CheckedForm } from './checked-form.js';

export function keptForm() {
  return new CheckedForm('keep-outputs', { fill, read, first: 'keep-outputs-on' });
}

function fill(isKept) {
  byId('keep-outputs-on').checked = isKept === true;
}

function read() {
  return byId('keep-outputs-on').checked ? true : null;
}
