/** The files of the data roots over HTTP. Their bytes move without a deadline; what goes wrong is thrown as a Problem. */

import { saveAs, saveFrom } from '../parts/save-as.js';
import { ROOT } from '../root.js';
import { Problem } from '../server/api.js';
import { nameOf } from './names.js';

export class FilesApi {
  #api;

  constructor(api) {
    this.#api = api;
  }

  /** A page of a directory: {path, root, parent, entries: [{name, kind, size, changed}], next, isAll, roots, uploadBytes}. */
  list(path, { q = '', after = '' } = {}) {
    return this.#api.files(path, { q, after });
  }

  /** A page of what an output of a run wrote: {columns, types, rows, truncated, timedOut, from, count, file}. */
  output(runId, nodeId, from, limit) {
    return this.#api.output(runId, nodeId, from, limit);
  }

  /** Saves the file: in a session the browser fetches it itself, straight to the disk; with a token, it goes through memory. */
  async save({ path, root }) {
    const address = addressOf(path, root);
    const problemOf = this.#api.asking();
    if (Object.keys(this.#api.credentials).length === 0 && (await this.#get(address, 'HEAD')).ok) return saveFrom(address, nameOf(path));
    const answer = await this.#get(address);
    if (!answer.ok) throw problemOf(answer.status, await answer.json().catch(() => ({})));
    return saveAs(await answer.blob().catch(() => Promise.reject(unreachable())), nameOf(path));
  }

  #get(address, method = 'GET') {
    return fetch(address, { method, headers: this.#api.credentials, cache: 'no-store' }).catch(() => Promise.reject(unreachable()));
  }

  /**
   * Brings a file; resolves to {path, root, size, changed}. `onProgress(sent bytes)`. Once `signal` is aborted, it
   * rejects with a Problem of status null. (Only XMLHttpRequest tells how far a body is.)
   */
  upload(file, path, root, { replace = false, onProgress = (_bytes) => undefined, signal }) {
    const problemOf = this.#api.asking();
    const request = new XMLHttpRequest();
    request.open('PUT', addressOf(path, root, replace ? { replace: '1' } : {}));
    for (const [name, value] of Object.entries(this.#api.credentials)) request.setRequestHeader(name, value);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded));
    return new Promise((resolve, reject) => {
      request.addEventListener('load', () => {
        const document = parsed(request.responseText);
        if (request.status === 200 || request.status === 201) resolve(document);
        else reject(problemOf(request.status, document));
      });
      request.addEventListener('error', async () => reject((await isReadable(file)) ? unreachable() : unreadable()));
      request.addEventListener('abort', () => reject(new Problem(null, { detail: 'Cancelled.' })));
      signal.addEventListener('abort', () => request.abort());
      request.send(file);
    });
  }
}

// A further root stands in the query: proxies take two slashes in a path for one.
function addressOf(path, root, query = {}) {
  const below = root === null ? path : path.slice(root.length).replace(/^\/+/, '');
  const address = new URL(`./api/files/${below.split('/').map(encodeURIComponent).join('/')}`, ROOT);
  for (const [name, value] of Object.entries({ ...(root === null ? {} : { root }), ...query })) address.searchParams.set(name, value);
  return address;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

// A browser tells of a file that it cannot read as of a server that it cannot reach.
function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

function unreadable() {
  return new Problem(400, { detail: 'It cannot be read: it is a directory, or was changed or moved since it was chosen. Choose it again.' });
}

function unreachable() {
  return new Problem(0, { detail: 'The server cannot be reached.' });
}
