/** Asks before what cannot be taken back. Test hooks: `#confirm`, `#confirm-yes`, `#confirm-no`. */

import { byId, setText } from '../dom.js';

/** Resolves to whether the person wants it. `yes`: what the button that does it says. */
export function confirmed({ title, text, yes, danger = true }) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  byId('confirm-yes').classList.toggle('button-danger', danger);
  byId('confirm-yes').classList.toggle('button-primary', !danger);
  dialog.returnValue = 'no';
  dialog.showModal();
  byId('confirm-no').focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
