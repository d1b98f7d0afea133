/**
 * A dialog to pick one of many by typing: node types to add, nodes to connect to. Test hooks: `#picker`, `#picker-text`,
 * `.picker-item[data-key]`.
 */

import { byId, element, icon, setHidden, setText } from '../../parts/dom.js';
import { ChoiceList } from '../../parts/lists/choice-list.js';

export class Picker {
  #items = () => []; // {key, label, hint, icon}
  #empty = () => '';
  #onPick = (_key) => undefined;
  #announce;
  #list = new ChoiceList({
    dialog: byId('picker'),
    text: byId('picker-text'),
    list: byId('picker-list'),
    elementOf: itemElement,
    idOf: ({ key }) => String(key),
    onText: (text) => this.#filter(text),
    onChoose: ({ key }) => this.#onPick(key),
  });

  constructor({ announce }) {
    this.#announce = announce;
  }

  /** `items()` → [{key, label, hint, icon}]; `onPick(key)`; `empty()` → what to say when there is nothing to pick. */
  open({ title, items, empty, onPick }) {
    this.#items = items;
    this.#empty = empty;
    this.#onPick = onPick;
    setText(byId('picker-title'), title);
    this.#list.open();
  }

  /** What there is to pick came after the dialog was opened. */
  refresh() {
    this.#list.refresh();
  }

  #filter(text) {
    const items = this.#items();
    const shown = matching(items, text);
    this.#list.show(shown);
    setText(byId('picker-empty'), items.length === 0 ? this.#empty() : 'Nothing matches.');
    setHidden(byId('picker-empty'), shown.length > 0);
    if (shown.length === 0 && text !== '') this.#announce(byId('picker-empty').textContent);
  }
}

// Those that have each word of the text, in label or hint; first those that begin with it.
function matching(items, text) {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const begins = ({ label }) => words.length > 0 && label.toLowerCase().startsWith(words.join(' '));
  const found = items.filter(({ label, hint }) => words.every((word) => `${label} ${hint}`.toLowerCase().includes(word)));
  return [...found.filter(begins), ...found.filter((item) => !begins(item))];
}

function itemElement({ key, label, hint, icon: name }) {
  const made = element('li', 'picker-item', icon(name), element('span', 'picker-label', label), element('span', 'picker-hint', hint));
  made.dataset.key = String(key);
  return made;
}
