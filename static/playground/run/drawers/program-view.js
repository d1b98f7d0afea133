/** The program that a run executed, with the numbers of its lines. Test hooks: `#program-text .code-line`, `#program-note`. */

import { copyAndTell } from '../../parts/copying.js';
import { byId, element, setHidden, setText } from '../../parts/dom.js';

export class ProgramView {
  #box = byId('program-text');
  #text = '';
  #nodeLines = {}; // node id → number of the line at which it begins

  /** `say(text)`: reads it out. */
  constructor({ onDownload, say }) {
    const copies = byId('program-copy');
    byId('program-download').addEventListener('click', () => onDownload(this.#text));
    copies.addEventListener('click', () => copyAndTell({ label: copies.querySelector('span'), say }, this.#text, this.#box));
  }

  /** Show a program ({text, nodeLines}); or, without one (null), why there is none. */
  show(program, note = '') {
    const { text, nodeLines } = program ?? { text: '', nodeLines: {} };
    this.#text = text;
    this.#nodeLines = nodeLines;
    const lines = text === '' ? [] : text.trimEnd().split('\n');
    this.#box.replaceChildren(...lines.map((line) => element('span', isComment(line) ? 'code-line code-comment' : 'code-line', `${line}\n`)));
    setText(byId('program-note'), note);
    setHidden(byId('program-note'), note === '');
    for (const id of ['program-download', 'program-copy']) byId(id).disabled = text === '';
  }

  /** Bring what a node does into sight. */
  reveal(nodeId) {
    const head = this.#box.children[this.#nodeLines[nodeId] - 1];
    if (head !== undefined) this.#box.parentElement.scrollTop = head.offsetTop - this.#box.offsetTop;
  }
}

function isComment(line) {
  return line.trimStart().startsWith('#');
}
