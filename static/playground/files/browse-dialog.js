/**
 * The dialog that chooses a file of the data roots, to be read or to be written. Test hooks: `#files`, `#files-list`,
 * `.file-entry[data-name][data-kind]`, `#files-steps`, `#files-roots`, `#files-search`, `#files-more`, `#files-said`, `#files-upload`,
 * `#files-input`, `#files-name`, `#files-write`.
 */

import { byId, element, icon, setHidden, setText, stepIn } from '../parts/dom.js';
import { lineOf } from '../parts/texts/one-line.js';
import { formatMoment } from '../parts/texts/text.js';
import { patiently } from '../server/patience.js';
import { below, directoryOf, formatBytes, nameOf, nameThere, steps, whyNoName } from './names.js';

/** Milliseconds without a key until the list is searched. */
const QUIET = 200;

export class BrowseDialog {
  #files;
  #uploads;
  #host;
  #dialog = byId('files');
  #list = byId('files-list');
  #search = byId('files-search');
  #shown = null; // the first page of the directory that is shown, with its `next` brought forward
  #going = null; // resolves to whether the directory that was asked for is shown; null: none is on its way
  #isWriting = false;
  #generation = 0;
  #choose = null; // resolves what `open` returned
  #timer = null;

  /** `host`: {announce(text)} */
  constructor(files, uploads, host) {
    this.#files = files;
    this.#uploads = uploads;
    this.#host = host;
    byId('files-form').addEventListener('submit', (event) => this.#submit(event));
    byId('files-close').addEventListener('click', () => this.#dialog.close());
    byId('files-more').addEventListener('click', () => this.#more());
    byId('files-upload').addEventListener('click', () => byId('files-input').click());
    byId('files-input').addEventListener('change', ({ target }) => this.#bring([...target.files]));
    byId('files-roots').addEventListener('change', ({ target }) => this.#go(target.value));
    this.#search.addEventListener('input', () => this.#searchSoon());
    this.#list.addEventListener('keydown', (event) => stepIn(event, [...this.#list.querySelectorAll('.file-entry')]));
    this.#dialog.addEventListener('close', () => this.#closed());
    this.#dialog.addEventListener('dragover', (event) => event.preventDefault());
    this.#dialog.addEventListener('drop', (event) => {
      event.preventDefault();
      if (!byId('files-upload').hidden) this.#bring([...event.dataTransfer.files]);
    });
  }

  /** Resolves to the path that was chosen, as a graph writes it; null: none. `path`: what the field holds. */
  open({ path = '', isWriting = false } = {}) {
    this.#isWriting = isWriting;
    this.#shown = null;
    setText(byId('files-title'), isWriting ? 'Write to a file' : 'Choose a file');
    setHidden(byId('files-writing'), !isWriting);
    byId('files-name').value = isWriting ? nameOf(path) : '';
    this.#list.replaceChildren();
    byId('files-steps').replaceChildren();
    for (const id of ['files-upload', 'files-more', 'files-roots-field']) setHidden(byId(id), true);
    this.#dialog.append(byId('uploads')); // which nobody sees below a dialog
    this.#dialog.showModal();
    this.#search.focus();
    const chosen = new Promise((resolve) => (this.#choose = resolve));
    this.#go(directoryOf(path), { isGuess: true });
    return chosen;
  }

  #closed() {
    this.#generation += 1;
    clearTimeout(this.#timer);
    document.body.append(byId('uploads'));
    this.#choose?.(null);
    this.#choose = null;
  }

  #take(path) {
    const choose = this.#choose;
    this.#choose = null;
    this.#dialog.close();
    choose?.(path);
  }

  // ---- where

  // `isGuess`: the directory comes out of a field that may hold anything; where it is none, the first root is shown.
  #go(path, options) {
    const going = this.#show(path, options).finally(() => {
      if (this.#going === going) this.#going = null;
    });
    this.#going = going;
    return going;
  }

  async #show(path, { isGuess = false, focus = null } = {}) {
    this.#search.value = '';
    const found = await this.#ask(path, {}, isGuess && path !== '');
    if (found === undefined) return false;
    if (found === null) return this.#go('');
    this.#shown = found;
    this.#draw(found);
    if (focus !== null) this.#entryOf(focus)?.focus();
    else if (!isGuess && this.#search.value === '') (this.#list.querySelector('button') ?? this.#search).focus();
    this.#host.announce(`${found.path === '' ? 'Data' : found.path}: ${countOf(found)}.`);
    return true;
  }

  // What is done while a step into another directory is on its way is meant there. False: that is not shown, or the dialog was closed.
  async #arrived() {
    const choose = this.#choose;
    let isThere = this.#shown !== null;
    while (this.#going !== null) isThere = await this.#going;
    return isThere && choose !== null && this.#choose === choose;
  }

  async #more() {
    if (this.#going !== null) return; // of a list that is about to go
    const { path, next } = this.#shown;
    const before = this.#list.children.length;
    const found = await this.#ask(path, { q: this.#search.value.trim(), after: next });
    if (!found) return;
    this.#shown = { ...found, entries: [...this.#shown.entries, ...found.entries] };
    this.#list.append(...found.entries.map((entry) => this.#entry(entry)));
    this.#drawEnd(this.#shown);
    this.#list.children[before]?.querySelector('button').focus();
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      if (!(await this.#arrived())) return;
      const found = await this.#ask(this.#shown.path, { q: this.#search.value.trim() });
      if (!found) return;
      this.#shown = found;
      this.#draw(found);
      this.#host.announce(`${countOf(found)}.`);
    }, QUIET);
  }

  // A page; null where there is no such directory and that is no fault; undefined where it is told, or no longer wanted.
  async #ask(path, options, mayBeNone = false) {
    const generation = (this.#generation += 1);
    const isWanted = () => generation === this.#generation;
    this.#say('busy', 'Looking…');
    try {
      const found = await patiently(() => this.#files.list(path, options), { isWanted, onWait: () => this.#say('busy', 'Waiting for a runner…') });
      if (!isWanted()) return undefined;
      this.#say('', '');
      return found;
    } catch (problem) {
      if (!isWanted()) return undefined;
      if (problem.status === undefined) throw problem;
      if (mayBeNone && problem.status !== 503 && problem.status !== 0) return null;
      this.#say('error', problem.message);
      this.#host.announce(problem.message);
      return undefined;
    }
  }

  // ---- what

  #draw(found) {
    const roots = byId('files-roots');
    setHidden(byId('files-roots-field'), found.roots.length < 2);
    roots.replaceChildren(...found.roots.map((root) => new Option(root === '' ? 'Data' : root, root, false, root === (found.root ?? ''))));
    byId('files-steps').replaceChildren(...steps(found.path, found.root).map((step) => this.#stepTo(step, step.path === found.path)));
    this.#list.replaceChildren(...found.entries.map((entry) => this.#entry(entry)));
    setHidden(byId('files-upload'), found.uploadBytes === 0);
    this.#drawEnd(found);
  }

  #drawEnd(found) {
    setHidden(byId('files-more'), found.next === null);
    if (found.entries.length === 0) this.#say('plain', this.#search.value.trim() === '' ? 'There is nothing here yet.' : 'Nothing here has this in its name.');
    else if (!found.isAll) this.#say('plain', 'This directory has more files than are looked at: search for a part of the name, or write the path.');
  }

  #stepTo({ path, name }, isHere) {
    const made = element('button', 'files-step', name);
    made.type = 'button';
    if (isHere) made.setAttribute('aria-current', 'true');
    made.addEventListener('click', () => this.#go(path));
    return element('li', '', made);
  }

  #entry({ name, kind, size, changed }) {
    const isFile = kind === 'file';
    const about = isFile ? `${formatBytes(size)}, ${formatMoment(changed)}` : 'directory';
    const made = element(
      'button',
      'file-entry',
      icon(isFile ? 'csv' : 'folder'),
      element('span', 'file-name', lineOf(name)),
      element('span', 'file-about', about),
    );
    made.type = 'button';
    made.dataset.name = name;
    made.dataset.kind = kind;
    made.addEventListener('click', () => this.#open(name, isFile));
    return element('li', '', made);
  }

  #open(name, isFile) {
    const path = below(this.#shown.path, name);
    if (!isFile) return this.#go(path);
    if (!this.#isWriting) return this.#take(path);
    byId('files-name').value = name;
    return byId('files-name').focus();
  }

  #entryOf(name) {
    return [...this.#list.querySelectorAll('.file-entry')].find((entry) => entry.dataset.name === name);
  }

  async #submit(event) {
    event.preventDefault();
    if (!this.#isWriting || !(await this.#arrived())) return;
    const name = byId('files-name').value.trim();
    const why = whyNoName(name);
    if (why !== null) this.#say('error', why);
    else this.#take(below(this.#shown.path, name));
  }

  async #bring(chosen) {
    byId('files-input').value = '';
    if (!(await this.#arrived())) return;
    const { path, root, uploadBytes } = this.#shown;
    const brought = await Promise.all(chosen.map((file) => this.#uploads.bring(file, below(path, nameThere(file.name)), root, uploadBytes)));
    const last = brought.findLast((found) => found !== null);
    if (last === undefined || this.#going !== null || !this.#dialog.open || this.#shown.path !== path) return;
    await this.#go(path, { focus: nameOf(last.path) });
  }

  #say(tone, text) {
    const said = byId('files-said');
    said.dataset.tone = tone;
    setText(said, text);
    setHidden(said, text === '');
  }
}

function countOf({ entries, next }) {
  const count = entries.length === 1 ? '1 entry' : `${entries.length} entries`;
  return next === null ? count : `the first ${count}`;
}
