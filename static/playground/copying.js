/** To the clipboard. By plain HTTP browsers have none for a page, but on localhost. */

/** Whether the text was copied. */
export async function isCopied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Copies a text, else selects where it stands, for Ctrl+C. Resolves to whether it was copied. */
export async function copyOrSelect(text, source) {
  const copied = await isCopied(text);
  if (!copied) getSelection().selectAllChildren(source);
  return copied;
}
