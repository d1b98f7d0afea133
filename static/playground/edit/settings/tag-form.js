/**
 * Which runners may take a job's runs: those with a tag, or any. A setting of the job.
 * Test hooks: `#runner-tag-name`, and those of CheckedForm for `#runner-tag`.
 */

import { byId } from '../../parts/dom.js';
import { CheckedForm } from './checked-form.js';

export function tagForm() {
  return new CheckedForm('runner-tag', {
    fill: (tag) => (byId('runner-tag-name').value = tag === null ? '' : String(tag)),
    read: () => byId('runner-tag-name').value.trim() || null,
    first: 'runner-tag-name',
  });
}
