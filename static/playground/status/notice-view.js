/**
 * One notice at a time about what the person asked for. Test hooks: `#notice[data-tone]`, `#notice-text`,
 * `#notice-action`.
 */

import { byId, putAway, setHidden, setText } from '../parts/dom.js';

export class NoticeView {
  #box = byId('notice');
  #text = byId('notice-text');
  #button = byId('notice-action');
  #run = null; // what the button does
  #cause = null;
  #said = 0;

  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    byId('notice-close').addEventListener('click', () => this.clear());
    this.#button.addEventListener('click', () => {
      const run = this.#run;
      this.clear();
      run?.();
    });
  }

  /** `action`: {label, run} of a button beside it, or null; `cause`: 'connection' where it is over when that is there again, 'graph' when its errors are, 'draft' when that is put aside, 'token' when another one is given. */
  say(text, tone = 'plain', action = null, cause = null) {
    this.#said += 1;
    this.#cause = cause;
    this.#run = action?.run ?? null;
    setText(this.#button, action?.label ?? '');
    putAway(this.#button, action === null);
    this.#box.dataset.tone = tone;
    setText(this.#text, text);
    setHidden(this.#box, false);
    this.#announce(text);
  }

  /** How many notices there were: the same number again, the same notice, or none any more. */
  get said() {
    return this.#said;
  }

  clearCausedBy(cause) {
    if (this.#cause === cause) this.clear();
  }

  clear() {
    this.#cause = null;
    putAway(this.#box, true);
    setText(this.#text, '');
    this.#run = null;
  }
}
