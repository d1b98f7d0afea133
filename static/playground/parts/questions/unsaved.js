/**
 * Dialogs in which a person writes what nothing keeps until it is done. By whichever way they are left, by Escape, a cross or Back, the person
 * says first that it may go. Owns which dialogs these are.
 */

import { takeEscape } from '../dom.js';
import { confirmed, isAsked } from './confirm.js';

const dialogs = []; // {dialog, holds, isBusy, text}
let asking = null; // resolves to whether what was written may go; null: nobody is asked

/**
 * `holds()`: something was written; `isBusy()`: it is on its way, and nobody could say that it may go; `close`: the button that leaves the
 * dialog; `text`: what stays then.
 */
export function keepWritten(dialog, { holds, isBusy = () => false, close, text }) {
  if (dialogs.length === 0) addEventListener('beforeunload', (event) => isWritten() && event.preventDefault());
  const entry = { dialog, holds, isBusy, text };
  dialogs.push(entry);
  const leave = () => isBusy() || discarded(entry);
  takeEscape(dialog, leave);
  close.addEventListener('click', leave);
}

/** Closes the dialog that holds something, once the person says that it may go; resolves to whether there is none any more. One that is busy stays. */
export async function leftWritten() {
  const entry = written();
  return entry === undefined || (!entry.isBusy() && discarded(entry));
}

/** Once nobody is being asked whether what was written may go. */
export async function answered() {
  await asking;
}

/** Whether an open dialog holds something, or is busy with it. */
export function isWritten() {
  return written() !== undefined;
}

function written() {
  return dialogs.find(({ dialog, holds, isBusy }) => dialog.open && (isBusy() || holds()));
}

// Asked for twice, as by two steps back, it is asked once; once it is answered, it is asked again, also where that has not been heard of.
function discarded(entry) {
  if (asking === null || !isAsked()) asking = mayGo(entry);
  const asked = asking;
  asked.finally(() => (asking = asking === asked ? null : asking));
  return asked;
}

async function mayGo({ dialog, holds, text }) {
  if (holds() && !(await confirmed({ title: 'Discard what you wrote?', text, yes: 'Discard' }))) return false;
  dialog.close();
  return true;
}
