/**
 * How long to wait before connecting again: full jitter under a ceiling that doubles with each failure.
 *
 * Full jitter (a uniform draw from zero to the ceiling) spreads a thousand pages that lost the same
 * server evenly over the interval; anything less brings them back as a herd.
 */

/** Milliseconds; uniform from 0 to 6 s is 3 s on average after the first failure. */
export const FIRST_CEILING = 6_000;

/** Milliseconds; a server that stays away is asked about every 15 s by each page. */
export const LAST_CEILING = 30_000;

/** The longest wait after `failures` failures in a row (1 or more), in milliseconds. */
export function ceiling(failures) {
  const doublings = Math.max(0, Math.min(failures, 32) - 1);
  return Math.min(LAST_CEILING, FIRST_CEILING * 2 ** doublings);
}

/** The wait before the next attempt, in milliseconds; `random` draws from [0, 1). */
export function nextDelay(failures, random = Math.random) {
  return random() * ceiling(failures);
}
