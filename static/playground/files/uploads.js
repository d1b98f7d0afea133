/**
 * Brings files to the server, each with a bar and a way to cancel it. Test hooks: `#uploads`, `.upload[data-state]`
 * (sending | done | failed), `.upload-cancel`, `.upload-said`.
 */

import { byId, element, iconButton, setText } from '../parts/dom.js';
import { confirmed } from '../parts/questions/confirm.js';
import { formatBytes, nameOf } from './names.js';

/** Milliseconds for which it is shown that a file is there. */
const SHOWN = 6_000;

/** Files on their way at a time: a browser opens six connections to a host, and what a person does meanwhile needs some of them. */
const MOST_AT_ONCE = 3;

export class Uploads {
  #files;
  #host;
  #list = byId('uploads');
  #sending = 0;
  #waiting = []; // what begins each of the files that wait for their turn, the first first

  /** `host`: {announce(text)} */
  constructor(files, host) {
    this.#files = files;
    this.#host = host;
    window.addEventListener('beforeunload', (event) => this.#sending > 0 && event.preventDefault());
  }

  /** Resolves to {path, root, size, changed}; null where it was cancelled, failed, or is not to be replaced. `most`: bytes. */
  async bring(file, path, root, most) {
    const entry = this.#entry(file.name);
    const why = whyNot(file, most);
    if (why !== null) return this.#fail(entry, why);
    try {
      return this.#done(entry, await this.#send(entry, file, path, root));
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (problem.status === null) return this.#gone(entry);
      return this.#fail(entry, problem.message);
    }
  }

  async #send(entry, file, path, root) {
    try {
      return await this.#sendOnce(entry, file, path, root, false);
    } catch (problem) {
      if (problem.status !== 412) throw problem;
      const name = nameOf(path);
      const wanted = await confirmed({
        title: `Replace ${name}?`,
        text: 'A file of this name is there already. Jobs that read it will read the new one.',
        yes: 'Replace',
      });
      if (!wanted) entry.abort.abort();
      return this.#sendOnce(entry, file, path, root, true);
    }
  }

  async #sendOnce(entry, file, path, root, replace) {
    const { signal } = entry.abort;
    await this.#turn(entry);
    const onProgress = (sent) => entry.draw(sent, file.size);
    onProgress(0);
    try {
      return await this.#files.upload(file, path, root, { replace, onProgress, signal });
    } finally {
      this.#passOn();
    }
  }

  #turn({ abort: { signal }, said }) {
    if (signal.aborted) return Promise.reject(cancelled());
    if (this.#sending < MOST_AT_ONCE) {
      this.#sending += 1;
      return Promise.resolve();
    }
    setText(said, 'Waits for its turn');
    return new Promise((begin, reject) => {
      this.#waiting.push(begin);
      signal.addEventListener('abort', () => {
        this.#waiting = this.#waiting.filter((one) => one !== begin);
        reject(cancelled()); // which says nothing to one that has begun
      });
    });
  }

  // Whose turn is over gives it to the next one.
  #passOn() {
    const begin = this.#waiting.shift();
    if (begin === undefined) this.#sending -= 1;
    else begin();
  }

  #entry(name) {
    const bar = element('progress', 'upload-bar');
    bar.setAttribute('aria-label', `Upload of ${name}`);
    const said = element('span', 'upload-said');
    const cancel = iconButton('close', `Cancel the upload of ${name}`);
    cancel.classList.add('upload-cancel');
    const box = element('li', 'upload', element('span', 'upload-name', name), said, cancel, bar);
    box.dataset.state = 'sending';
    const abort = new AbortController();
    cancel.addEventListener('click', () => (box.dataset.state === 'sending' ? abort.abort() : this.#remove(box)));
    this.#list.append(box);
    const draw = (sent, size) => {
      bar.max = Math.max(size, 1);
      bar.value = sent;
      setText(said, sent < size || size === 0 ? `${formatBytes(sent)} of ${formatBytes(size)}` : 'Being put in its place…');
    };
    return { name, box, bar, said, cancel, abort, draw };
  }

  #done({ name, box, bar, said, cancel }, found) {
    box.dataset.state = 'done';
    bar.remove();
    setText(said, `${formatBytes(found.size)}, is there`);
    rename(cancel, `Dismiss: ${name} is there`);
    this.#host.announce(`${name} is uploaded.`);
    setTimeout(() => this.#remove(box), SHOWN);
    return found;
  }

  #fail({ name, box, bar, said, cancel }, message) {
    box.dataset.state = 'failed';
    bar.remove();
    setText(said, message);
    rename(cancel, `Dismiss: ${name} is not uploaded`);
    this.#host.announce(`${name} is not uploaded: ${message}`);
    return null;
  }

  #gone({ name, box }) {
    this.#remove(box);
    this.#host.announce(`${name} is not uploaded.`);
    return null;
  }

  #remove(box) {
    box.remove();
  }
}

function cancelled() {
  return Object.assign(new Error('Cancelled.'), { status: null });
}

function rename(button, label) {
  button.setAttribute('aria-label', label);
  button.title = label;
}

function whyNot(file, most) {
  if (most === 0) return 'Uploads are off on this server.';
  return file.size > most ? `It has ${formatBytes(file.size)}; an upload has ${formatBytes(most)} at most.` : null;
}
