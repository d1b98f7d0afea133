/**
 * What a person can choose from a list: a type for a new node, where rows go, a function.
 */

import { iconOf } from '../../graph/node-icons.js';
import { nodeOf, whyNoEdge } from '../../model/graphs.js';
import { NODE } from '../../model/layout.js';
import { nameIn, withPort } from '../../model/naming.js';
import { inputsOf, outputsOf, REJECTED } from '../../model/ports.js';
import { Picker } from './picker.js';

export class Offers {
  #drafts;
  #vocabulary;
  #selection;
  #commands;
  #picker;

  constructor({ drafts, vocabulary, selection, commands, page }) {
    this.#drafts = drafts;
    this.#vocabulary = vocabulary;
    this.#selection = selection;
    this.#commands = commands;
    this.#picker = new Picker({ announce: (text) => page.announce(text) });
  }

  /** What the server offers came after a list of it was opened. */
  refresh() {
    this.#picker.refresh();
  }

  types(title, onPick, suits = () => true) {
    const fitting = () => [...this.#vocabulary.types.values()].filter(suits);
    this.#picker.open({
      title,
      items: () => fitting().map((type) => ({ key: type.name, label: type.label, hint: type.help, icon: iconOf(type.name, type) })),
      empty: () => (this.#vocabulary.types.size === 0 ? 'The server has not told the node types yet.' : 'There is no node type that fits.'),
      onPick: (key) => onPick(this.#vocabulary.types.get(key)),
    });
  }

  add() {
    if (this.#drafts.current === null) return;
    const after = this.#selection.oneTarget();
    const source = after === null ? undefined : nodeOf(this.#drafts.graph, after);
    const follows = source !== undefined && this.#vocabulary.types.get(source.type)?.hasOutput !== false;
    if (follows) this.types(`Add after ${source.name}`, (type) => this.#commands.add(type, null, { after: { id: after } }), (type) => type.hasInput);
    else this.types('Add a node', (type) => this.#commands.add(type));
  }

  ends(id, port, { x, y }) {
    const name = nameIn(this.#drafts.graph, id);
    const end = { id, port: port.name === '' ? undefined : port.name };
    if (port.side === 'out') {
      this.types(`Give the rows of ${name} to`, (type) => this.#commands.add(type, { x, y: y - 28 }, { after: end }), (type) => type.hasInput);
    } else this.types(`Feed ${name} from`, (type) => this.#commands.add(type, { x: x - NODE.width, y: y - 28 }, { before: end }), (type) => type.hasOutput);
  }

  targets(id) {
    const { graph } = this.#drafts;
    const source = nodeOf(graph, id);
    const outputs = outputsOf(this.#vocabulary.types.get(source.type), source.config);
    const offers = (some) =>
      graph.nodes.flatMap((node) =>
        some.flatMap((output) => inputsOf(this.#vocabulary.types.get(node.type), node.config).map((input) => ({ node, output, input })))
      );
    const offered = [...offers(outputs.filter((output) => output !== REJECTED)), ...offers(outputs.filter((output) => output === REJECTED))];
    const edges = offered.map(({ node, output, input }) => ({
      node,
      edge: { from: id, to: node.id, fromPort: output.name, toPort: input.name },
      via: output.name,
    }));
    const free = edges.filter(({ edge }) => whyNoEdge(graph, this.#vocabulary.types, edge) === null);
    const items = free.map(({ node, edge, via }, place) => {
      const type = this.#vocabulary.types.get(node.type);
      const hint = `${via === '' ? '' : `rows of ${via} · `}${type?.label ?? node.type}`;
      return {
        key: via === '' && edge.toPort === '' ? String(node.id) : `${node.id}.${place}`,
        label: withPort(node.name, edge.toPort),
        hint,
        icon: iconOf(node.type, type),
        edge,
      };
    });
    const empty = this.#vocabulary.types.get(nodeOf(graph, id).type)?.hasOutput === false
      ? `${nameIn(graph, id)} gives no rows.`
      : 'There is no node that could take its rows.';
    this.#picker.open({
      title: `Give the rows of ${nameIn(graph, id)} to`,
      items: () => items,
      empty: () => empty,
      onPick: (key) => this.#commands.connect(items.find((item) => item.key === key).edge),
    });
  }

  functions(onPick) {
    this.#picker.open({
      title: 'Functions',
      items: () => this.#vocabulary.functions.map(functionItem),
      empty: () => 'The server has not told the functions yet.',
      onPick: (key) => onPick(this.#vocabulary.functions.find(({ name }) => name === key)),
    });
  }
}

function functionItem({ name, signature, help, example, gives }) {
  return { key: name, label: signature, hint: `${help} ${example} is ${gives}.`, icon: 'braces' };
}
