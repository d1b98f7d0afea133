/**
 * The dialog that finds a node, a job or a command by some of its letters, and goes there. Test hooks: `#find`, `#find-text`, `.find-item[data-kind]`, `#find-open`.
 */

import { IS_MAC } from '../help/help.js';
import { keyName, keyNames } from '../help/keys.js';
import { byId, element, icon, ownTextElement, setHidden, setText } from '../parts/dom.js';
import { ChoiceList } from '../parts/lists/choice-list.js';
import { found } from '../parts/texts/find.js';

/** Rows of the list: more are found by typing more. */
const MOST_SHOWN = 60;

const KINDS = { node: 'Node', job: 'Job', command: 'Command' };

export class FindView {
  #items = [];
  #itemsNow;
  #announce;
  #list = new ChoiceList({
    dialog: byId('find'),
    text: byId('find-text'),
    list: byId('find-list'),
    elementOf: itemElement,
    idOf: ({ kind, id, label }) => `${kind} ${id ?? label}`,
    onText: (text) => this.#filter(text),
    onChoose: (item) => item.run(),
  });

  /** `items()`: [{kind: 'node' | 'job' | 'command', id?, label, hint, icon, run()}] of now, a node or job with its number; `announce(text)`. */
  constructor({ items, announce }) {
    this.#itemsNow = items;
    this.#announce = announce;
    byId('find-open').addEventListener('click', () => this.open());
    byId('find').addEventListener('keydown', (event) => this.#onKey(event));
    setText(byId('find-key'), keyNames('Mod+K', IS_MAC));
  }

  open() {
    if (this.#list.isOpen) return;
    this.#items = this.#itemsNow();
    this.#list.open();
  }

  /** More can be found: the jobs, or the nodes of this one, came after the dialog was opened. */
  refresh() {
    if (!this.#list.isOpen) return;
    this.#items = this.#itemsNow();
    this.#list.refresh();
  }

  #filter(text) {
    const all = found(this.#items, text);
    this.#list.show(all.slice(0, MOST_SHOWN));
    const more = all.length - MOST_SHOWN;
    const note = all.length === 0 ? 'Nothing is called like that.' : more > 0 ? `${more} more; type more letters.` : '';
    setText(byId('find-note'), note);
    setHidden(byId('find-note'), note === '');
    if (text !== '') this.#announce(all.length === 0 ? note : `${all.length} found.`);
  }

  // The key that opened it closes it.
  #onKey(event) {
    if (keyName(event) !== 'k' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.#list.close();
  }
}

function itemElement({ kind, label, hint = '', key = '', icon: name, places }) {
  const labelElement = kind === 'command' ? element : ownTextElement; // a command is called so by the page
  const told = labelElement('span', 'find-label', ...marked(label, places));
  const made = element('li', 'find-item', icon(name), told, element('span', 'find-hint', hint), element('span', 'find-kind', KINDS[kind]));
  if (key !== '') made.lastElementChild.replaceChildren(element('kbd', '', keyNames(key, IS_MAC)));
  made.dataset.kind = kind;
  return made;
}

// The label with the letters that were meant in <mark>, as few of them as can be.
function marked(label, places) {
  const parts = [];
  [...label.split('').keys()].forEach((place) => {
    const isMeant = places.has(place);
    if (parts.at(-1)?.isMeant === isMeant) parts.at(-1).text += label[place];
    else parts.push({ isMeant, text: label[place] });
  });
  return parts.map(({ isMeant, text }) => (isMeant ? element('mark', '', text) : text));
}
