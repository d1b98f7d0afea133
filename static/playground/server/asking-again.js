/** What the page asks for once is asked for again where that failed, and may go well later: less and less often while the server stays away. */

/** Milliseconds: the longest wait at first, and at last. */
const FIRST_CEILING = 3_000;
const LAST_CEILING = 60_000;

/** Milliseconds without a failure after which the next one is the first of others. */
const OVER = 2 * LAST_CEILING;

/** Date.now() of the first and of the last of failures in a row, whatever was asked. */
const failing = { since: 0, last: 0 };

/**
 * A question failed by `problem`: `again()` is called later, after which it may be put once more. That is where there was no answer (status 0),
 * where nobody was let in (401: they may sign in), and where the server failed (from 500 on); not where it has said that there is nothing. Throws
 * what is a fault of this page.
 */
export function askAgainAfter(problem, again) {
  const { status } = problem;
  if (status === undefined) throw problem;
  if (status === 0 || status === 401 || status >= 500) setTimeout(again, nextWait(failedFor(Date.now())));
}

function failedFor(now) {
  if (now - failing.last > OVER) failing.since = now;
  failing.last = now;
  return now - failing.since;
}

/** Milliseconds to wait where questions have failed for so many; full jitter, so that pages do not ask in step. `random` draws from [0, 1). */
export function nextWait(failed, random = Math.random) {
  return random() * Math.min(LAST_CEILING, Math.max(FIRST_CEILING, 2 * failed));
}
