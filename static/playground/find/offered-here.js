/**
 * What can be done and gone to from here: the menu of the graph and its parts, and what is found by name.
 */

import { iconOf } from '../graph/node-icons.js';
import { IS_MAC } from '../help/help.js';
import { keyOf } from '../help/keys.js';
import { MenuHere } from '../parts/lists/menu.js';
import { jobPlace } from '../places/address.js';
import { commandsNow } from './commands.js';

export class OfferedHere {
  #page;
  #lookedAt;
  #runs;
  #editor;
  #graph;
  #chosen;
  #keptOutputs;
  #menu = new MenuHere();

  constructor({ page, lookedAt, runs, editor, graph, chosen, keptOutputs }) {
    this.#page = page;
    this.#lookedAt = lookedAt;
    this.#runs = runs;
    this.#editor = editor;
    this.#graph = graph;
    this.#chosen = chosen;
    this.#keptOutputs = keptOutputs;
  }

  /** The menu of a node, an edge or the ground of the graph; of what is only looked at, too. `at`: {clientX, clientY}. */
  openMenu(what, at) {
    const node = what.kind === 'node' ? this.#nodes.find(({ id }) => id === what.id) : null;
    const place = this.#graph.sheetPoint(at.clientX, at.clientY);
    const edited = this.#runs.past === null ? this.#editor.itemsFor(what, place) : null;
    const items = [...(edited ?? this.#ofLookedAt(node)), ...this.#ofKept(node), ...(what.kind === 'ground' ? this.#ofGround() : [])];
    const label = node?.name || (what.kind === 'edge' ? 'Connection' : 'Graph');
    const refocus = () => (node === null ? this.#graph.focusGround() : this.#graph.focusNode(node.id));
    if (items.length > 0) this.#menu.open({ label, items, ...at, refocus });
  }

  get #nodes() {
    return this.#lookedAt.view.graph.nodes;
  }

  #ofLookedAt(node) {
    if (node === null) return [];
    return [{ key: 'open', label: 'Details', icon: 'log', run: () => this.#page.selected() !== node.id && this.#chosen.show(node.id) }];
  }

  #ofKept(node) {
    if (node === null) return [];
    const { state, clock, graph } = this.#lookedAt.view;
    return this.#keptOutputs.items(node.id, { run: state.run(clock), graph, canRun: this.#lookedAt.canRun });
  }

  #ofGround() {
    return [
      { key: 'fit', label: 'Show all of it', icon: 'fit', hint: '0', run: () => this.#graph.fit() },
      { key: 'find', label: 'Find…', icon: 'search', hint: keyOf('find', IS_MAC), run: () => this.#page.find() },
    ];
  }

  /** What can be gone to from here: the nodes that are shown, what can be done, and all jobs. Items as FindView takes them. */
  findable() {
    const { types } = this.#editor;
    const nodes = this.#nodes.map(({ id, type, name }) => ({
      kind: 'node',
      id,
      label: name || `Node ${id}`,
      hint: types.get(type)?.label ?? type,
      icon: iconOf(type, types.get(type)),
      run: () => this.#chosen.goTo(id),
    }));
    const commands = commandsNow().map((command) => ({ kind: 'command', ...command }));
    const jobs = this.#page.jobs().map(({ id, name }) => ({
      kind: 'job',
      id,
      label: name,
      hint: `Job ${id}`,
      icon: 'log',
      run: () => this.#page.go(jobPlace(id)),
    }));
    return [...nodes, ...commands, ...jobs];
  }
}
