/**
 * The first rows that a node gives, in a table of the dock. Test hooks: `#preview[data-state]` is
 * none | loading | rows | error; `#preview-title`, `#preview-note`, `#preview-table`, `.rows-type`.
 */

import { byId, setHidden, setText } from '../../parts/dom.js';
import { rowsTable } from '../../parts/lists/rows-table.js';
import { patiently } from '../../server/patience.js';

export class PreviewView {
  #panel = byId('preview');
  #generation = 0;
  #nodeId = null;
  #other = null; // other rows of it than the first ones
  #isOld = false; // the graph was changed since the rows were asked for
  #load;
  #onClose;
  #announce;
  #dock;

  /**
   * `load(nodeId, {isAnew})`, `isAnew` where a person asked for them again: resolves to {columns, types, rows, truncated, timedOut, source}, `source` a sentence or "", or rejects with an Error to show; one of
   * status 503 is asked again for a while. `dock`: {show(), hide(), isShown}, its place.
   */
  constructor({ load, onClose, announce, dock }) {
    this.#dock = dock;
    this.#announce = announce;
    this.#load = load;
    this.#onClose = onClose;
    byId('preview-again').addEventListener('click', () => this.#ask({ isAnew: true }));
    byId('preview-close').addEventListener('click', () => this.close());
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.close();
    });
  }

  /** `other`: {title, load() → what the server answers, draw(answer) → {table, note}}, in place of the node's first rows. */
  open(nodeId, name, other = null) {
    this.#nodeId = nodeId;
    this.#other = other;
    setText(byId('preview-title'), other?.title ?? `Preview of ${name}`);
    byId('preview-table').replaceChildren();
    this.#dock.show();
    return this.#ask();
  }

  /** The node whose rows are shown or asked for; null: none. */
  get nodeId() {
    return this.#nodeId;
  }

  /** There is none to show, and why. */
  sayNone(why) {
    this.#generation += 1;
    this.#nodeId = null;
    setText(byId('preview-title'), 'Preview');
    byId('preview-table').replaceChildren();
    this.#tell('none', why);
  }

  /** The graph was changed: the rows are those from before, also where they are on their way. */
  age() {
    this.#isOld = true;
    if (this.#panel.dataset.state !== 'rows') return;
    this.#panel.dataset.old = 'true';
    setText(byId('preview-note'), 'From before your last change.');
  }

  close({ quiet = false } = {}) {
    const id = this.#nodeId;
    this.sayNone('');
    if (this.#dock.isShown) this.#dock.hide();
    if (!quiet && id !== null) this.#onClose(id);
  }

  async #ask({ isAnew = false } = {}) {
    const generation = (this.#generation += 1);
    this.#tell('loading', 'Reading rows…');
    try {
      const other = this.#other;
      const load = () => {
        this.#isOld = false;
        return other === null ? this.#load(this.#nodeId, { isAnew }) : other.load();
      };
      const preview = await patiently(load, {
        isWanted: () => generation === this.#generation,
        onWait: () => this.#tell('loading', 'Waiting for a runner…'),
      });
      if (generation !== this.#generation) return;
      const { table, note } = other === null ? { table: rowsTable(preview), note: noteOf(preview) + preview.source } : other.draw(preview);
      byId('preview-table').replaceChildren(table);
      this.#tell('rows', note);
      if (this.#isOld) this.age();
      this.#announce(`${byId('preview-title').textContent}. ${byId('preview-note').textContent}`);
    } catch (error) {
      if (generation !== this.#generation) return;
      byId('preview-table').replaceChildren();
      this.#tell('error', error.message);
      this.#announce(`No preview: ${error.message}`);
    }
  }

  #tell(state, note) {
    this.#panel.dataset.state = state;
    setHidden(byId('preview-again'), state === 'none');
    delete this.#panel.dataset.old;
    setText(byId('preview-note'), note);
  }
}

function noteOf({ rows, truncated, timedOut }) {
  if (timedOut) return `${countOf(rows)} found in the time that a preview has; there may be more.`;
  if (rows.length === 0) return 'It gives no rows.';
  return truncated ? `The first ${rows.length} rows; there are more.` : `All ${countOf(rows)}.`;
}

function countOf(rows) {
  return rows.length === 1 ? '1 row' : `${rows.length} rows`;
}
