/** Who is signed in, and the way out; it tells this browser's other tabs. Test hooks: `#account-name`, `#account-out`. */

import { byId, setHidden, setText } from '../parts/dom.js';
import { ROOT } from '../root.js';

/** By the path of the page: two installations may share a host and port. */
const CHANNEL = `playground.session ${ROOT.pathname}`;

export class AccountView {
  #channel = channel();

  /** `onOtherTab('in' | 'out')`: somebody signed in or out in another tab. */
  constructor({ onSignOut, onOtherTab }) {
    byId('account-out').addEventListener('click', onSignOut);
    this.#channel?.addEventListener('message', ({ data }) => onOtherTab(data));
  }

  /** `user`: {name, canSignOut}, or null for nobody. */
  draw(user) {
    setHidden(byId('account'), user === null);
    if (user === null) return;
    setText(byId('account-name'), user.name);
    byId('account-name').title = user.name === '' ? '' : `Signed in as ${user.name}`;
    setHidden(byId('account-out'), !user.canSignOut);
  }

  tellOtherTabs(what) {
    this.#channel?.postMessage(what);
  }
}

// Where all cookies are blocked, Firefox has none: each tab is then for itself.
function channel() {
  try {
    return new BroadcastChannel(CHANNEL);
  } catch {
    return null;
  }
}
