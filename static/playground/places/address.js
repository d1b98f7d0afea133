/**
 * What the page shows, as its address says it: each place can be linked, reloaded and bookmarked. Pure, but for `go`.
 *
 *   /                                        home
 *   /?view=runs&status=failed&job=3&day=…&q=…  runs of all jobs
 *   /?job=3&run=…&node=2&t=16.8              a job; a past run of it, at a moment (seconds from its first word); a node
 *   /?job=3&run=…&with=…                     two runs of a job, compared
 */

const RUN = /^[\w-]{1,64}$/;

/** Runs that did not do what they were to, though nobody cancelled them. */
export const FAILED_OR_LOST = 'failed,lost';

/** What the list of runs can be limited to: statuses as the server names them, one or several. */
export const STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled', 'lost', FAILED_OR_LOST];

/** {page: 'home'} | {page: 'runs', status, job, day, q} | {page: 'job', job, run, with, node, t}: null for what is not said. */
export function placeIn(href) {
  const said = new URL(href).searchParams;
  const job = numberIn(said.get('job'));
  if (said.get('view') === 'runs') return runsPlace({ job, status: said.get('status'), day: said.get('day'), q: said.get('q') });
  if (job === null) return { page: 'home' };
  const run = runIn(said.get('run'));
  return {
    page: 'job',
    job,
    run,
    with: run === null ? null : runIn(said.get('with')),
    node: numberIn(said.get('node')),
    t: run === null ? null : secondsIn(said.get('t')),
  };
}

export function jobPlace(job, more = {}) {
  return { page: 'job', job, run: null, with: null, node: null, t: null, ...more };
}

export function runsPlace({ status = null, job = null, day = null, q = null } = {}) {
  const isKnown = STATUSES.includes(status);
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(day ?? '') && !Number.isNaN(Date.parse(day));
  return { page: 'runs', status: isKnown ? status : null, job, day: isDay ? day : null, q: q?.trim() ? q.trim().slice(0, 200) : null };
}

/** The address of a place, relative to the page's own directory: "?job=3", or "./" for home. */
export function addressOf(place) {
  const { page, ...parts } = place;
  const said = Object.entries(page === 'runs' ? { view: 'runs', ...parts } : parts).filter(([, value]) => value !== null && value !== undefined);
  if (page === 'home' || said.length === 0) return './';
  return `?${new URLSearchParams(said.map(([name, value]) => [name, String(value)]))}`;
}

/** Makes the address lead to the place; `replace`: without a step that Back returns from. */
export function putInAddress(place, { replace = false } = {}) {
  const address = new URL(addressOf(place), location.href);
  if (address.href === location.href) return;
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
}

/** The whole address of a place, to be copied. */
export function linkTo(place) {
  return new URL(addressOf(place), location.href).href;
}

// As far as JavaScript counts exactly: jobs of other programs, and nodes, may have 16 digits.
function numberIn(text) {
  return /^[1-9]\d{0,15}$/.test(text ?? '') && Number.isSafeInteger(Number(text)) ? Number(text) : null;
}

function runIn(text) {
  return RUN.test(text ?? '') ? text : null;
}

function secondsIn(text) {
  return /^\d{1,8}(\.\d{1,3})?$/.test(text ?? '') ? Number(text) : null;
}
