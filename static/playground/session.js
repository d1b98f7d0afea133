/**
 * The token of this tab: taken from the address once, kept in sessionStorage, never left where it can be
 * copied, bookmarked or sent as a referrer.
 */

const KEY = 'playground.token';

/** Moves `?token=` out of the address into the session. */
export function takeTokenFromAddress() {
  const address = new URL(location.href);
  const token = address.searchParams.get('token');
  if (token === null) return;
  address.searchParams.delete('token');
  history.replaceState(history.state, '', address);
  if (token !== '') keepToken(token);
}

/** The token, or '' when there is none. */
export function currentToken() {
  return sessionStorage.getItem(KEY) ?? '';
}

/** Whose jobs the token lets in to; '' for the server's own tenant, or a token that cannot be read. */
export function currentTenant() {
  try {
    const claims = JSON.parse(atob(currentToken().split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return typeof claims.tenant_id === 'string' ? claims.tenant_id : '';
  } catch {
    return '';
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token.trim());
}
