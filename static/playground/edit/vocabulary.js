/**
 * What the server offers to build graphs of: node types, the functions of expressions, the number of its engine. Owns
 * all three; they come once a page.
 */
export class Vocabulary {
  #types = new Map(); // name → node type
  #functions = []; // that expressions may call
  #engine = null; // number of the engine that runs jobs now; a graph that is saved here says so

  /** Node types by their names; none before `load`. */
  get types() {
    return this.#types;
  }

  get functions() {
    return this.#functions;
  }

  get engine() {
    return this.#engine;
  }

  /** Resolves to the node types as the server lists them. Rejects where it does not tell them. */
  async load(api) {
    const { nodeTypes, engine } = await api.nodeTypes();
    this.#engine = engine;
    this.#types = new Map(nodeTypes.map((type) => [type.name, type]));
    return nodeTypes;
  }

  /** Without functions, columns alone are completed. Rejects where the server does not tell them. */
  async loadFunctions(api) {
    this.#functions = await api.functions();
  }
}
