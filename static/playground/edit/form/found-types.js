/** From the types that were found in a file to the ones that a node's form holds. Pure. */

/** The field of graphs of before that names columns as numbers. */
const NUMBERS = 'numbers';

/** The fields that say which file or service it is, and how it is read. */
const SETTINGS = ['path', 'delimiter', 'encoding', 'null_marker', 'decimal', 'skip', 'sheet', 'start', 'header', 'url', 'connection', 'rows'];

/** Columns from which on those of text are not listed: a column that is not named holds text anyway. */
const MANY = 100;

/** Names in a sentence, before it ends in "…". */
const MOST_TOLD = 5;

/** What a node's settings say of its file or service; while that is asked about, it must stay as it is. */
export function isSameFile(one, other) {
  return SETTINGS.every((name) => (one?.[name] ?? null) === (other?.[name] ?? null));
}

/**
 * {types, added, kept, gone} of a configuration and what was found, {columns: [name], types: [type]}. `types` are the
 * field's new entries, in the file's order. What the configuration names already stays, since somebody decided it: `kept`
 * has those for which another type was found, [{column, type, found}], `gone` those that the file does not have.
 */
export function withFound(config, { columns, types }) {
  const named = namedTypes(config);
  const found = new Map(columns.map((column, place) => [column, types[place]]));
  const news = [...found].filter(([column, type]) => !named.has(column) && (columns.length < MANY || type !== 'text'));
  const added = new Map(news);
  const inFile = columns.filter((column) => named.has(column) || added.has(column));
  const gone = [...named.keys()].filter((column) => !found.has(column));
  return {
    types: [...inFile, ...gone].map((column) => ({ column, type: named.get(column) ?? added.get(column) })),
    added: added.size,
    kept: [...named].filter(([column, type]) => found.has(column) && found.get(column) !== type).map(([column, type]) => ({
      column,
      type,
      found: found.get(column),
    })),
    gone,
  };
}

/** A configuration with these types, and without what graphs of before had instead. */
export function typed(config, field, types) {
  const { [NUMBERS]: _before, ...rest } = config ?? {};
  return { ...rest, [field]: types };
}

/** What was found, in a few sentences. */
export function foundText({ added, kept, gone }) {
  const parts = [added === 0 ? 'No column was found that has no type yet.' : `Found the ${added === 1 ? 'type of 1 column' : `types of ${added} columns`}.`];
  if (kept.length > 0) parts.push(`Kept yours: ${told(kept.map(({ column, type, found }) => `${column} is ${type}, where ${found} was found`), '; ')}.`);
  if (gone.length > 0) parts.push(`Not in the file: ${told(gone, ', ')}.`);
  return parts.join(' ');
}

function namedTypes(config) {
  const numbers = listOf(config?.[NUMBERS]).map((column) => /** @type {[string, string]} */ ([column, 'numeric']));
  const entries = listOf(config?.types).filter((entry) => typeof entry?.column === 'string' && entry.column !== '');
  return new Map([...numbers, ...entries.map(({ column, type }) => /** @type {[string, string]} */ ([column, type]))]);
}

function listOf(value) {
  return Array.isArray(value) ? value : [];
}

function told(texts, between) {
  return texts.slice(0, MOST_TOLD).join(between) + (texts.length > MOST_TOLD ? `${between}…` : '');
}
