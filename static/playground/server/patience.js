/** Asks again while no runner is there, as in the first seconds after a start. */

/** Milliseconds for which a server that cannot answer now is asked again, and between two questions. */
const PATIENCE = 30_000;
const RETRY = 1_000;

/**
 * What `ask()` resolves to; a rejection with status 503 is asked again for a while. `onWait()` is called before each
 * wait. Rejects as soon as `isWanted()` is false.
 */
export async function patiently(ask, { isWanted, onWait = () => undefined }) {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await ask();
    } catch (problem) {
      if (problem.status !== 503 || !isWanted() || performance.now() > end) throw problem;
    }
    onWait();
    await new Promise((resolve) => setTimeout(resolve, RETRY));
    if (!isWanted()) throw new Error('Not wanted any more.');
  }
}
