/** Names, sizes and paths of files. Pure. */

const READERS = [
  { ends: /\.csv(\.gz|\.zst)?$/i, type: 'csv_input', config: {} },
  { ends: /\.txt(\.gz|\.zst)?$/i, type: 'csv_input', config: {} },
  { ends: /\.(tsv|tab)(\.gz|\.zst)?$/i, type: 'csv_input', config: { delimiter: 'tab' } },
  { ends: /\.(ndjson|jsonl)(\.gz|\.zst)?$/i, type: 'ndjson_input', config: {} },
  { ends: /\.xlsx$/i, type: 'excel_input', config: {} },
  { ends: /\.(parquet|pq)$/i, type: 'parquet_input', config: {} },
];

/** The node that reads a file of this name: {type, config}; null for one that no node reads. */
export function readerOf(name) {
  const found = READERS.find(({ ends }) => ends.test(name));
  return found === undefined ? null : { type: found.type, config: found.config };
}

const DELIMITERS = { semicolon: ';', tab: '\t', pipe: '|' };

const QUOTED = /(^|[,;\t|\r\n])(?:"[^"]*(?:"|$))+/g;

/**
 * The setting of what stands between the fields of a CSV file that begins so: {delimiter}, of the only sign in its first line that can be one, where
 * its second line has as many; {} for a comma, and where they do not tell. Of one column the name may have such a sign in it.
 */
export function delimiterIn(beginning) {
  const [first = '', second = first] = beginning.replaceAll(QUOTED, '$1""').split(/[\r\n]/).filter((line) => line !== '');
  const there = Object.keys(DELIMITERS).filter((name) => first.includes(DELIMITERS[name]));
  if (there.length !== 1 || first.includes(',')) return {};
  const [fields, next] = [first, second].map((line) => line.split(DELIMITERS[there[0]]).length);
  return fields === next || /^sep=/i.test(first) ? { delimiter: there[0] } : {}; // Excel's line tells it by itself
}

/** What a file is called on the server: in the path of an input, * and ? would mean several. */
export function nameThere(name) {
  return name.replaceAll(/[*?]/g, '_');
}

/** 1234567 → "1.2 MB" */
export function formatBytes(bytes) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let at = 0;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  if (at === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  return `${size < 10 ? (Math.trunc(size * 10) / 10).toFixed(1) : Math.trunc(size)} ${units[at]}`;
}

/** The path of an entry of a directory; that of the first root is empty. */
export function below(directory, name) {
  return directory === '' ? name : `${directory.replace(/\/+$/, '')}/${name}`;
}

/** The directory of a path that a person wrote: "a/b.csv" → "a", "b.csv" → "". */
export function directoryOf(path) {
  const at = path.lastIndexOf('/');
  if (at < 0) return '';
  return at === 0 ? '/' : path.slice(0, at);
}

export function nameOf(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Why a text is no name of a file; null for one that may be. */
export function whyNoName(name) {
  if (name.trim() === '') return 'Give the file a name.';
  if (name.includes('/') || name === '.' || name === '..') return 'A name has no “/” in it: choose the directory above.';
  return name.startsWith('.') ? 'A name that begins with a dot is hidden, and never data.' : null;
}

/** The steps to a directory: [{path, name}], the root first. `root`: null for the first one. */
export function steps(path, root) {
  const start = root ?? '';
  const parts = path.slice(start.length).split('/').filter((part) => part !== '');
  return [{ path: start, name: root ?? 'Data' }, ...parts.map((name, place) => ({ path: below(start, parts.slice(0, place + 1).join('/')), name }))];
}
