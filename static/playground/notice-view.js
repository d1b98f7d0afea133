/** One notice at a time about what the person asked for. Test hooks: `#notice[data-tone]`, `#notice-text`. */

import { byId, setHidden, setText } from './dom.js';

export class NoticeView {
  #box = byId('notice');
  #text = byId('notice-text');

  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    byId('notice-close').addEventListener('click', () => this.clear());
  }

  say(text, tone = 'plain') {
    this.#box.dataset.tone = tone;
    setText(this.#text, text);
    setHidden(this.#box, false);
    this.#announce(text);
  }

  clear() {
    setHidden(this.#box, true);
    setText(this.#text, '');
  }
}
