/** The program that a run executed, with the numbers of its lines. Test hooks: `#program-text .code-line`, `#program-note`. */

import { byId, element, setHidden, setText } from './dom.js';

export class ProgramView {
  #box = byId('program-text');
  #text = '';

  constructor({ onDownload }) {
    byId('program-download').addEventListener('click', () => onDownload(this.#text));
    byId('program-copy').addEventListener('click', () => navigator.clipboard?.writeText(this.#text).catch(() => getSelection().selectAllChildren(this.#box)));
  }

  /** Show a program's text; without one, why there is none. */
  show(text, note = '') {
    this.#text = text;
    const lines = text === '' ? [] : text.trimEnd().split('\n');
    this.#box.replaceChildren(...lines.map((line) => element('span', isComment(line) ? 'code-line code-comment' : 'code-line', `${line}\n`)));
    setText(byId('program-note'), note);
    setHidden(byId('program-note'), note === '');
    for (const id of ['program-download', 'program-copy']) byId(id).disabled = text === '';
  }

  /** Bring what a node does into sight. */
  reveal(nodeId) {
    const head = [...this.#box.children].find((line) => line.textContent.startsWith(`# ${nodeId} · `));
    if (head !== undefined) this.#box.parentElement.scrollTop = head.offsetTop - this.#box.offsetTop;
  }
}

function isComment(line) {
  return line.trimStart().startsWith('#');
}
