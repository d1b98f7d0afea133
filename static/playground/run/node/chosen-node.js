/**
 * The node whose details are open: chosen in the graph, in a list or by an address. Of a draft, the editor says which one it is.
 */

/** In such a window the details lie over all else. */
const NARROW = '(max-width: 53.75em)';

export class ChosenNode {
  #job;
  #lookedAt;
  #runs;
  #editor;
  #graph;
  #details;
  #onChosen;

  /** `onChosen(nodeId | null)`: its details are open now. */
  constructor({ job, lookedAt, runs, editor, graph, details, onChosen }) {
    this.#job = job;
    this.#lookedAt = lookedAt;
    this.#runs = runs;
    this.#editor = editor;
    this.#graph = graph;
    this.#details = details;
    this.#onChosen = onChosen;
  }

  /** A node that nobody edits was chosen; the one that is chosen already is closed. */
  select(nodeId) {
    if (nodeId === this.#job.shown.selected) return this.close();
    this.#graph.reveal(nodeId);
    return this.open(nodeId);
  }

  /** As a click on it does, in a draft and elsewhere. */
  show(nodeId) {
    if (this.#runs.past !== null || !this.#editor.isOpen) this.select(nodeId);
    else if (!this.#editor.select(nodeId)) this.open(nodeId);
  }

  /** Show it, and bring the keyboard there. */
  goTo(id) {
    if (this.#job.shown.selected !== id) this.show(id);
    this.#graph.focusNode(id);
    this.#graph.reveal(id);
  }

  /** Its details are open now; null: none are. */
  open(nodeId) {
    this.#job.shown.selected = nodeId;
    this.#details.show(this.#lookedAt.view.graph.nodes.find((node) => node.id === nodeId) ?? null);
    this.#onChosen(nodeId);
  }

  /** A drawer opens: in a narrow window the details lie over it. */
  makeRoom() {
    if (this.#job.shown.selected === null || !matchMedia(NARROW).matches) return;
    this.#editor.detailsClosed();
    this.open(null);
  }

  close() {
    const { selected } = this.#job.shown;
    this.#editor.detailsClosed();
    this.open(null);
    this.#graph.focusNode(selected);
  }
}
