/**
 * Who uses this page. The token of the link leaves the address at once, and becomes a session: a cookie that no script sees, so
 * that a second tab and a bookmark need none. Where that cannot be (cookies or sessions are off, or this browser is
 * signed in as somebody else) the token stays in sessionStorage, for this tab alone; where the browser keeps nothing, for this page.
 */

import { claimsOf, headersOf, isSpoilt } from '../../realtime/credentials.js';
import { ROOT } from '../root.js';

const KEY = 'playground.token';
const ADDRESS = new URL('api/session', ROOT);

/** Milliseconds for an answer, and between two questions about a session whose end is near. */
const TIMEOUT = 8_000;
const ASK_AGAIN = 10_000;

/** As long as the server could not be asked: it shall judge. */
const UNKNOWN = Object.freeze({ ticket: null, expiresAt: null, endsAt: null, subject: '', signOut: null, scopes: null, jobId: null, runId: null });

let unkept = ''; // the token of this page, in a browser that keeps nothing for it

// Of the last session that was there: drafts of one that has ended are its tenant's.
let byProxy = false;
let tenantId = '';
let session = null; // what the server says of it, and `askedAt` in Date.now() milliseconds; null: there is none
let refused = ''; // the token that the server did not take when one was given last
let openings = 0; // how often a session was opened, and begun to be

/** Moves `?token=` out of the address into the tab. */
export function takeTokenFromAddress() {
  const address = new URL(location.href);
  const token = address.searchParams.get('token');
  if (token === null) return;
  address.searchParams.delete('token');
  history.replaceState(history.state, '', address);
  if (token !== '') keepToken(token);
}

/** Forgets a token that can be none, as one with a quotation mark of a mail around it: no request can be made with it. Whether there was one. */
export function dropSpoiltToken() {
  const isToGo = isSpoilt(currentToken());
  if (isToGo) forgetToken();
  return isToGo;
}

/** Makes a session of this tab's token, or finds the browser's. False where there is neither. */
export async function openSession() {
  openings += 1;
  const isOpen = await opened(currentToken());
  openings += 1;
  return isOpen;
}

/** Whether the server did not take this token, which was given last: a session that is there stands as before. */
export function isRefused(token) {
  return token !== '' && token === refused;
}

/** Another number as soon as another credential may stand: an answer to what was asked with the one before says nothing of it. */
export function credentialNumber() {
  return openings;
}

/** The token of this tab; '' where a session stands for it, or nothing does. */
export function currentToken() {
  return unkept || keptToken();
}

/** The token of this tab, or else the session: asked for anew, and so renewed, once half of its time has passed. */
export async function currentCredential() {
  const token = currentToken();
  if (token !== '') return token;
  if (session !== null && isDue(session)) session = await askForSession();
  return session ?? '';
}

/** What is known of it now. */
export function knownCredential() {
  return currentToken() || session || '';
}

/** {name, canSignOut}: whom the page works for; null for nobody. */
export function currentUser() {
  const token = currentToken();
  if (token !== '') return { name: String(claimsOf(token).sub ?? ''), canSignOut: true };
  return session === null ? null : { name: session.subject, canSignOut: session.kind !== 'proxy' || session.signOut !== null };
}

/**
 * What the server lets this user do: {canWrite, canExecute, canCancel, canEdit, onlyJob}; `canEdit`: try changes, if only in previews; `onlyJob`: the
 * number of the one job that it lets in to, or null. Where that is not known, all: the server judges.
 */
export function currentRights() {
  const token = currentToken();
  const { scopes, jobId, runId } = token === '' ? (session ?? UNKNOWN) : rightsIn(claimsOf(token));
  const may = (scope) => scopes === null || scopes.includes(scope);
  const canWrite = jobId === null && may('jobs:write');
  const canExecute = runId === null && may('jobs:execute');
  return { canWrite, canExecute, canCancel: may('jobs:execute'), canEdit: canWrite || (jobId === null && canExecute), onlyJob: jobId };
}

/** Whose jobs it lets in to; '' for the server's own tenant, or a token that cannot be read. */
export function currentTenant() {
  const token = currentToken();
  if (token === '') return tenantId;
  const { tenant_id: tenant } = claimsOf(token);
  return typeof tenant === 'string' ? tenant : '';
}

export function keepToken(token) {
  unkept = token.trim();
  try {
    sessionStorage.setItem(KEY, unkept);
    unkept = '';
  } catch {
    // it is then as long as this page
  }
}

// Where all cookies are blocked, the first look at sessionStorage throws.
function keptToken() {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

/** Whether a proxy signed the user in: to load the page anew then leads to its sign-in. */
export function isByProxy() {
  return byProxy;
}

/** It was ended elsewhere. */
export function loseSession() {
  session = null;
}

/**
 * Forgets this tab's token, or ends the session of all tabs, and says which: true for the session. Where a proxy signed the
 * user in, the page leaves for its sign-out. Throws where the server cannot be reached: the session is then still there.
 */
export async function signOut() {
  const isOfTab = currentToken() !== '';
  const away = isOfTab ? null : (session?.signOut ?? null);
  if (!isOfTab) await endSession();
  forgetToken();
  session = null;
  if (away !== null) location.assign(away);
  return !isOfTab;
}

async function endSession() {
  const response = await call('DELETE');
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  await endWhatCameBack();
}

// An answer that was on its way may have renewed the cookie after all.
async function endWhatCameBack() {
  try {
    if ((await call('GET')).ok) await call('DELETE');
  } catch {
    // the server has heard of the sign-out
  }
}

// As web/callers/tokens.py and web/callers/limits.py read them.
function rightsIn({ scope, scp, progress_job: jobId = null, progress_run: runId = null }) {
  const named = scope ?? scp ?? null;
  const scopes = typeof named === 'string' ? named.split(' ') : named;
  return { scopes: Array.isArray(scopes) ? scopes : null, jobId, runId };
}

function forgetToken() {
  unkept = '';
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // nothing was kept
  }
}

function isDue({ askedAt, expiresAt }) {
  if (askedAt === undefined) return true;
  const now = Date.now();
  if (now >= expiresAt * 1000) return true;
  return now - askedAt >= ASK_AGAIN && now > (askedAt + expiresAt * 1000) / 2;
}

async function opened(token) {
  if (token !== '' && !(await giveWay(token))) return true;
  session = await askForSession();
  if (session !== null && session !== UNKNOWN) forgetToken();
  return session !== null || token !== '';
}

// Makes a session of the token. True where a session may stand for it: its own, or one that is there where the server
// refuses the token; never one of somebody else.
async function giveWay(token) {
  try {
    const { status } = await call('POST', token);
    refused = status === 401 ? token : '';
    return status === 204 || status === 401;
  } catch {
    return false;
  }
}

async function askForSession() {
  const before = session ?? UNKNOWN;
  try {
    const response = await call('GET');
    if (response.ok) return noted(await response.json());
    return response.status >= 500 || response.status === 429 ? before : null;
  } catch {
    return before;
  }
}

function noted(told) {
  byProxy = told.kind === 'proxy';
  tenantId = told.tenantId;
  return { ...told, askedAt: Date.now() };
}

function call(method, token = '') {
  return fetch(ADDRESS, {
    method,
    headers: { Accept: 'application/json', ...headersOf(token) },
    signal: AbortSignal.timeout(TIMEOUT),
    cache: 'no-store',
    redirect: 'error',
  });
}
