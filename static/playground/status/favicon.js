/** The icon of the window's tab says how the run is. Test hook: `link[rel=icon][data-state]`: none, running, completed, failed, offline. */

import { setAttribute } from '../parts/dom.js';
import { STATIC } from '../root.js';

const LINK = document.querySelector('link[rel="icon"]');
const STATES = { queued: 'running', running: 'running', completed: 'completed', failed: 'failed', lost: 'failed', offline: 'offline' };

/** `state`: a run's status, 'offline', or null. */
export function showInTab(state) {
  const shown = STATES[state] ?? 'none';
  setAttribute(LINK, 'data-state', shown);
  setAttribute(LINK, 'href', new URL(shown === 'none' ? 'favicon.svg' : `favicon-${shown}.svg`, STATIC).href);
}
