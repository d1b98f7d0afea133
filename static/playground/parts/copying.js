/** To the clipboard. By plain HTTP browsers have none for a page, but on localhost. */

import { setText } from './dom.js';

/** Milliseconds that a button says what it did. */
const SAID = 1_500;

/** Copies a text. Resolves to whether that was possible. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Copies a text, else selects where it stands, for Ctrl+C. Resolves to whether it was copied. */
export async function copyOrSelect(text, source) {
  const isCopied = await copy(text);
  if (!isCopied) getSelection().selectAllChildren(source);
  return isCopied;
}

/** What a button does that copies: its `label` says so for a moment, and `say` reads it out. */
export async function copyAndTell({ label, say }, text, source) {
  const before = (label.dataset.before ??= label.textContent); // the first of two presses
  const isCopied = await copyOrSelect(text, source);
  setText(label, isCopied ? 'Copied' : 'Selected');
  say(isCopied ? 'Copied.' : 'Selected: copy it with the keyboard.');
  setTimeout(() => setText(label, before), SAID);
}
