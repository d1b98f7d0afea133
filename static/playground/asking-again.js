/** What the page asks for once is asked for again where that failed, and may go well later. */

/** Milliseconds until it may be asked for again. */
const RETRY = 3_000;

/**
 * A question failed by `problem`: `again()` is called later, after which it may be put once more; not where the server has said that there is
 * nothing. Throws what is a fault of this page.
 */
export function askAgainAfter(problem, again) {
  if (problem.status === undefined) throw problem;
  if (problem.status === 0 || problem.status >= 500) setTimeout(again, RETRY);
}
