/** Keys of an input method, with which people write Japanese, Chinese or Korean: Enter takes the word that is put together, arrows choose it, Escape drops it. */

/** What Safari calls the key that ends a word, when it says no more that one is put together. */
const PROCESSED = 229;

/** The page hears none of these keys. Call it before anything else listens. */
export function leaveKeysToInputMethod() {
  window.addEventListener('keydown', (event) => {
    if (event.isComposing || event.keyCode === PROCESSED) event.stopImmediatePropagation();
  }, { capture: true });
}
