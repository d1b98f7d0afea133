/**
 * What an output of a completed run wrote, a page of rows at a time, and as a file. Test hooks: `#output[data-state]`
 * (loading | rows | error), `#output-note`, `#output-about`, `#output-table`, `#output-first`, `#output-before`, `#output-after`,
 * `#output-last`, `#output-from`, `#output-download`.
 */

import { byId, isPressable, setDisabled, setHidden, setText } from '../parts/dom.js';
import { rowsTable } from '../parts/lists/rows-table.js';
import { formatCount, formatMoment } from '../parts/texts/text.js';
import { patiently } from '../server/patience.js';
import { formatBytes } from './names.js';

const PAGE = 50;

/** Seconds after a run's end within which its own file may be put in its place. */
const CLOSE = 2;

export class OutputView {
  #files;
  #host;
  #dialog = byId('output');
  #of = null; // {runId, nodeId, endedAt}
  #page = null; // that is shown
  #generation = 0;

  /** `host`: {announce(text), say(text, tone)} */
  constructor(files, host) {
    this.#files = files;
    this.#host = host;
    byId('output-close').addEventListener('click', () => this.#dialog.close());
    this.#onPress('output-first', () => this.#load(0));
    this.#onPress('output-before', () => this.#load(Math.max(this.#page.from - PAGE, 0)));
    this.#onPress('output-after', () => this.#load(this.#page.from + this.#page.rows.length));
    this.#onPress('output-last', () => this.#load(-PAGE));
    byId('output-go').addEventListener('submit', (event) => {
      event.preventDefault();
      const row = Number(byId('output-from').value);
      if (Number.isSafeInteger(row) && row >= 1) this.#load(row - 1);
      else this.#tell('error', 'Rows are counted from 1.');
    });
    this.#onPress('output-download', () => this.#download());
    this.#dialog.addEventListener('close', () => (this.#generation += 1));
  }

  #onPress(id, work) {
    const button = byId(id);
    button.addEventListener('click', () => isPressable(button) && work());
  }

  /** `endedAt`: seconds since 1970. */
  open({ runId, nodeId, name, endedAt }) {
    this.#of = { runId, nodeId, endedAt };
    this.#page = null;
    setText(byId('output-title'), `What ${name} wrote`);
    setText(byId('output-about'), '');
    setHidden(byId('output-download'), true);
    byId('output-table').replaceChildren();
    byId('output-from').value = '';
    this.#dialog.showModal();
    byId('output-table').focus();
    return this.#load(0);
  }

  async #load(from) {
    const generation = (this.#generation += 1);
    const isWanted = () => generation === this.#generation;
    const { runId, nodeId } = this.#of;
    this.#tell('loading', 'Reading rows…');
    try {
      const page = await patiently(() => this.#files.output(runId, nodeId, from, PAGE), {
        isWanted,
        onWait: () => this.#tell('loading', 'Waiting for a runner…'),
      });
      if (isWanted()) this.#draw(page);
    } catch (problem) {
      if (!isWanted()) return;
      if (problem.status === undefined) throw problem;
      this.#tell('error', problem.message);
    }
  }

  #draw(page) {
    this.#page = page;
    byId('output-table').replaceChildren(rowsTable(page, page.from));
    byId('output-table').scrollTop = 0;
    setText(byId('output-about'), aboutText(page, this.#of.endedAt));
    setHidden(byId('output-download'), page.file === null);
    this.#tell('rows', noteOf(page));
  }

  #tell(state, note) {
    this.#dialog.dataset.state = state;
    setText(byId('output-note'), note);
    if (state !== 'loading') this.#host.announce(note);
    const isAtEnd = this.#page === null || (this.#page.count !== null && this.#page.from + this.#page.rows.length >= this.#page.count);
    setDisabled(byId('output-before'), this.#page === null || this.#page.from === 0);
    setDisabled(byId('output-after'), isAtEnd || this.#page.rows.length === 0);
  }

  // What comes late is not of what is shown by then.
  async #download() {
    const { file } = this.#page;
    const of = this.#of;
    const button = byId('output-download');
    setDisabled(button, true);
    try {
      await this.#files.save(file);
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (of === this.#of && this.#dialog.open) this.#tell('error', problem.message);
      else if (problem.status !== 401) this.#host.say(problem.message, 'error');
    } finally {
      setDisabled(button, false);
    }
  }
}

// What is shown is what is there now; the run is past.
function aboutText({ file, path }, endedAt) {
  if (file === null && path === null) return 'The table as it is now.';
  if (file === null) return path.includes('*') ? `All files ${path} as they are now.` : `${path} as it is now.`;
  const since = file.changed > endedAt + CLOSE ? ', after this run ended: something else has written it since' : '';
  return `${file.path}, ${formatBytes(file.size)}, written ${formatMoment(file.changed)}${since}`;
}

function noteOf({ rows, from, count, timedOut }) {
  if (rows.length === 0 && timedOut) return 'These rows were not reached in the time that a page has.';
  if (rows.length === 0) return count === 0 ? 'There are no rows.' : `There are no more than ${formatCount(count)} rows.`;
  const shown = rows.length === 1 ? `Row ${formatCount(from + 1)}` : `Rows ${formatCount(from + 1)} to ${formatCount(from + rows.length)}`;
  return count === null ? `${shown}; there ${timedOut ? 'may be' : 'are'} more.` : `${shown} of ${formatCount(count)}.`;
}
