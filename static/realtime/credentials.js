/**
 * What a client shows the server: a bearer token, as text; or a session, whose cookie the browser itself sends:
 * {ticket, expiresAt, endsAt}. Times in epoch seconds or null; the ticket has an open WebSocket live as long as the session.
 */

/** Milliseconds that this machine's clock may be ahead of the server's. */
const CLOCK_LEEWAY = 60_000;

/** What a JWT may hold; a page that says that something failed holds more. */
const TOKEN = /^[\w.-]+$/;

/** Whether it is none: what a failed request for a token answered, say. A text that is empty says that nobody is signed in. */
export function isSpoilt(credential) {
  return typeof credential === 'string' && credential !== '' && !TOKEN.test(credential);
}

export function isThere(credential) {
  return typeof credential === 'string' ? credential !== '' : typeof credential === 'object' && credential !== null;
}

/** The headers of a request. */
export function headersOf(credential) {
  return typeof credential === 'string' && credential !== '' ? { Authorization: `Bearer ${credential}` } : {};
}

/** The subprotocols, beside our own, of a WebSocket's handshake. */
export function protocolsOf(credential) {
  return typeof credential === 'string' ? [`bearer.${credential}`] : [];
}

/** What `auth` tells an open WebSocket; null where there is nothing to tell. */
export function renewalOf(credential) {
  return typeof credential === 'string' ? credential : (credential.ticket ?? null);
}

/** When it ends unless it is renewed, in Date.now() milliseconds; null for what cannot be read. */
export function expiryOf(credential) {
  return typeof credential === 'string' ? expiryOfToken(credential) : milliseconds(credential?.expiresAt);
}

/** When it ends whatever happens; null where that is not known. */
export function endOf(credential) {
  return typeof credential === 'string' ? expiryOfToken(credential) : milliseconds(credential?.endsAt);
}

/** Whether a JWT says that it has expired; what cannot be read, and a session, is for the server to judge. */
export function isExpired(credential, now = Date.now()) {
  const end = typeof credential === 'string' ? expiryOfToken(credential) : null;
  return end !== null && end + CLOCK_LEEWAY < now;
}

function expiryOfToken(token) {
  const { exp } = claimsOf(token);
  return typeof exp === 'number' ? exp * 1000 : null;
}

/** What a JWT says; {} for what cannot be read. */
export function claimsOf(token) {
  try {
    const text = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (sign) => sign.charCodeAt(0)))) ?? {};
  } catch {
    return {};
  }
}

function milliseconds(seconds) {
  return typeof seconds === 'number' ? seconds * 1000 : null;
}
