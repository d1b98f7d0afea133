/** Which icon a node has. Pure. */

const TYPE_ICONS = {
  db_input: 'db_input',
  db_output: 'db_output',
  csv_input: 'csv',
  csv_output: 'csv',
  parquet_input: 'table',
  parquet_output: 'table',
  excel_input: 'table',
  excel_output: 'table',
  ndjson_input: 'braces',
  ndjson_output: 'braces',
  http_input: 'cloud',
  filter: 'filter',
  map: 'map',
  limit: 'limit',
  select: 'map',
  sort: 'table',
  aggregate: 'table',
  window: 'table',
  pivot: 'table',
  unpivot: 'table',
  distinct: 'filter',
  sample: 'filter',
  split: 'split',
  union: 'union',
  join: 'join',
  lookup: 'lookup',
  sql: 'table',
  python: 'braces',
};

/** The icon of a node's type; a type that has none of its own gets one by its ports. */
export function iconOf(typeName, type) {
  if (TYPE_ICONS[typeName] !== undefined) return TYPE_ICONS[typeName];
  if (type?.hasInput === false) return 'source';
  return type?.hasOutput === false ? 'sink' : 'node';
}
