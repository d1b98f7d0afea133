/**
 * What is known of the rows of the draft: the columns that the server tells without a run, those that previews had, and the tables of
 * connections. Owns all three, and asks for them.
 */

import { parametersOf } from '../../model/graphs.js';
import { nameIn } from '../../model/naming.js';
import { Latest } from '../../server/latest.js';
import { columnsEntering, columnsOfEdge, linesOf, valuesText, whyUnread, withExpression } from './columns.js';
import { columnsBefore } from './words.js';

/** Milliseconds without a change until the columns between nodes are asked for, which may open files and databases. */
const QUIET = 400;

/** Milliseconds until sources that were not asked yet are asked, and how often. */
const PENDING = 1_000;
const MOST_PENDING = 30;

/** Milliseconds for which the tables of a connection are known. */
const TABLES_FRESH = 60_000;

export class KnownColumns {
  #api;
  #drafts;
  #vocabulary;
  #graph;
  #onTold;
  #told = null; // what the server said last of the columns of this draft
  #pending = 0; // times that sources which were not asked yet were asked for again
  #tables = new Map(); // connection → {at, tables}
  #seen = new WeakMap(); // draft → Map of node id → names of the columns that its preview had
  #questions;

  /** `onTold()`: something else is known. */
  constructor({ api, drafts, vocabulary, graph, onTold }) {
    this.#api = api;
    this.#drafts = drafts;
    this.#vocabulary = vocabulary;
    this.#graph = graph;
    this.#onTold = onTold;
    this.#questions = new Latest({
      ask: (shown, signal) => api.columns(shown, signal),
      onAnswer: (told) => this.#take(told),
      onError: () => this.#take(null),
      wait: QUIET,
    });
  }

  /** What only the columns tell is wrong: [{nodeId, field, message}]. */
  get problems() {
    return this.#told?.problems ?? [];
  }

  /** Ask for those of the draft once it rests; `soon`: now. */
  ask(options) {
    this.#pending = 0;
    const { graph } = this.#drafts;
    if (graph.nodes.length > 0) return this.#questions.ask(graph, options);
    this.#questions.cancel();
    return this.#take(null);
  }

  /** Nothing is edited, and nothing known. */
  clear() {
    this.#questions.cancel();
    this.#told = null;
  }

  /** The preview of a node of this draft had columns with these names. */
  notePreview(draft, id, names) {
    this.#seen.set(draft, new Map(this.#seen.get(draft)).set(id, names));
  }

  #take(told) {
    this.#told = told;
    this.#graph.drawEdgeTitles((edge) => linesOf(columnsOfEdge(told, edge), whyUnread(told, edge.from)).join('\n'));
    this.#onTold();
    if (!told?.pending || this.#pending >= MOST_PENDING) return;
    this.#pending += 1;
    const { graph } = this.#drafts;
    setTimeout(() => graph === this.#drafts.graph && this.#questions.ask(graph), PENDING);
  }

  of(id) {
    const { graph } = this.#drafts;
    return {
      entering: (port) => columnsEntering(this.#told, graph, this.#vocabulary.types, id, port),
      ofEdge: (edge) => columnsOfEdge(this.#told, edge),
      why: (source) => whyUnread(this.#told, source),
      tables: (connection) => this.#tables.get(tablesKey(connection, graph))?.tables ?? [],
    };
  }

  // Once somebody is about to name one. Without them, tables are typed; an answer that did not come is asked for the next time.
  async askTables(connection) {
    const { graph } = this.#drafts;
    const key = tablesKey(connection, graph);
    const known = this.#tables.get(key);
    if (known !== undefined && performance.now() - known.at < TABLES_FRESH) return;
    this.#tables.set(key, { at: performance.now(), tables: known?.tables ?? [] });
    const told = await this.#api.tables(connection, graph.runnerTag ?? null).catch(() => null);
    if (told !== null) this.#tables.set(key, { at: performance.now(), tables: told.tables });
    else this.#tables.set(key, { at: -Infinity, tables: known?.tables ?? [] });
    this.#onTold();
  }

  async valuesOf(id, expression) {
    const made = withExpression(this.#drafts.graph, id, expression);
    if (made === null) throw new Error('No rows come to this node yet.');
    try {
      return valuesText(await this.#api.preview(made.graph, made.id));
    } catch (problem) {
      const [first] = problem.errors ?? [];
      throw first === undefined || first.nodeId === made.id
        ? new Error(first?.message ?? problem.message)
        : new Error(`${nameIn(made.graph, first.nodeId)}: ${first.message}`);
    }
  }

  words(id) {
    const { graph } = this.#drafts;
    const known = columnsEntering(this.#told, graph, this.#vocabulary.types, id);
    const names = (known?.columns ?? []).map(({ name }) => name);
    const others = known?.all === true && known.more === 0 ? [] : columnsBefore(graph, this.#vocabulary.types, id, this.#seen.get(this.#drafts.current));
    return {
      functions: this.#vocabulary.functions,
      parameters: parametersOf(graph).map(({ name }) => name),
      columns: [...new Set([...names, ...others])],
      types: new Map((known?.columns ?? []).map(({ name, type }) => [name, type ?? 'column'])),
    };
  }
}

/** What tables are kept by: runners with another tag may see another database under the same name. */
function tablesKey(connection, { runnerTag = null }) {
  return JSON.stringify([connection, runnerTag]);
}
