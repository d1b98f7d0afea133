/**
 * The menus of a node, an edge and the ground, while the graph is edited. Each entry shows the key that does the same.
 */

import { IS_MAC } from '../../help/help.js';
import { keyOf } from '../../help/keys.js';
import { nodeOf } from '../../model/graphs.js';
import { NODE } from '../../model/layout.js';
import { edgeKey } from '../../model/ports.js';

export class GraphMenu {
  #drafts;
  #vocabulary;
  #selection;
  #commands;
  #offers;
  #previews;
  #steps;

  /** `steps`: {undo(), redo()}. */
  constructor({ drafts, vocabulary, selection, commands, offers, previews, steps }) {
    this.#drafts = drafts;
    this.#vocabulary = vocabulary;
    this.#selection = selection;
    this.#commands = commands;
    this.#offers = offers;
    this.#previews = previews;
    this.#steps = steps;
  }

  /**
   * What can be done with {kind: 'node', id}, {kind: 'edge', edge} or {kind: 'ground'}, as MenuList takes it; `place`: where on the
   * sheet, or null. Selects it, if it is not. null: nothing is edited.
   */
  itemsFor(what, place) {
    if (this.#drafts.current === null) return null;
    if (what.kind === 'node' && !this.#selection.nodes.has(what.id)) this.#selection.only(what.id, { open: false });
    if (what.kind === 'edge') this.#selection.edge(edgeKey(what.edge), { extend: false });
    if (what.kind === 'edge') return this.#itemsOfEdge(what.edge);
    return what.kind === 'node' ? this.#itemsOfNodes(what.id) : this.#itemsOfGround(place);
  }

  #itemsOfNodes(id) {
    const { graph } = this.#drafts;
    const { nodes, edges } = this.#selection;
    const what = nodes.size > 1 ? ` ${nodes.size} nodes` : '';
    const one = [
      { ...this.#item('open', 'Settings', 'pencil'), run: () => this.#selection.only(id, { open: true }) },
      { ...this.#item('preview', 'Preview rows', 'table'), run: () => this.#previews.open(id) },
    ];
    const type = this.#vocabulary.types.get(nodeOf(graph, id).type);
    if (type?.hasOutput !== false) {
      one.push({ ...this.#item('add', 'Add a node after it…', 'plus'), run: () => this.#offers.add() });
      one.push({ ...this.#item('connect', 'Give its rows to…', 'link'), run: () => this.#offers.targets(id) });
    }
    const some = [
      { ...this.#item('duplicate', `Duplicate${what}`, 'copy'), run: () => this.#commands.duplicate(nodes) },
      { ...this.#item('delete', `Delete${what}`, 'trash'), danger: true, run: () => this.#commands.delete(nodes, edges) },
    ];
    return nodes.size > 1 ? some : [...one, ...some];
  }

  #itemsOfEdge(edge) {
    const suits = (type) => type.hasInput && type.hasOutput;
    return [
      {
        key: 'insert',
        label: 'Insert a node here…',
        icon: 'plus',
        run: () => this.#offers.types('Insert a node', (type) => this.#commands.add(type, this.#betweenEnds(edge), { into: edge }), suits),
      },
      { ...this.#item('delete', 'Delete the connection', 'trash'), danger: true, run: () => this.#commands.delete(new Set(), new Set([edgeKey(edge)])) },
    ];
  }

  #itemsOfGround(place) {
    const { model } = this.#drafts.current;
    const at = place === null ? null : { x: place.x - NODE.width / 2, y: place.y - 28 };
    const items = [{ ...this.#item('add', 'Add a node here…', 'plus'), run: () => this.#offers.types('Add a node', (type) => this.#commands.add(type, at)) }];
    if (model.undoLabel !== null) items.push({ ...this.#item('undo', `Undo: ${model.undoLabel}`, 'undo'), run: () => this.#steps.undo() });
    if (model.redoLabel !== null) items.push({ ...this.#item('redo', `Redo: ${model.redoLabel}`, 'redo'), run: () => this.#steps.redo() });
    if (model.graph.nodes.length > 0) {
      items.push({ ...this.#item('selectAll', 'Select everything', 'move'), run: () => this.#selection.all() }, {
        ...this.#item('tidy', 'Tidy up', 'tidy'),
        run: () => this.#commands.tidy(),
      });
    }
    return items;
  }

  #item(command, label, name) {
    return { key: command, label, icon: name, hint: keyOf(command, IS_MAC) };
  }

  #betweenEnds({ from, to }) {
    const { graph } = this.#drafts;
    const [a, b] = [nodeOf(graph, from).position, nodeOf(graph, to).position];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }
}
