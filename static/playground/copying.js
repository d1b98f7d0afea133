/** To the clipboard. By plain HTTP browsers have none for a page, but on localhost. */

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
