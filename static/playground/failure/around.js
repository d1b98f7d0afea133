/** The rows that came to a node around the one at which it failed, as a table of the dock. Test hook: `tr[aria-current="true"]`, the row at fault. */

import { rowsTable } from '../parts/lists/rows-table.js';
import { countsAround } from './rules.js';

/** {table, note} of what the server answers, {columns, types, rows, at}; `number`: of the row at fault. */
export function rowsAround(told, number) {
  if (told.at === null) {
    return { table: rowsTable({ ...told, rows: [] }), note: 'This row does not come to the node any more: what feeds it gives other rows than in that run.' };
  }
  const table = rowsTable(told);
  const counts = countsAround(told.rows.length, told.at, number);
  for (const [place, row] of [...table.tBodies[0].rows].entries()) {
    row.cells[0].textContent = counts[place];
    if (place === told.at) row.setAttribute('aria-current', 'true');
  }
  requestAnimationFrame(() => table.tBodies[0].rows[told.at].scrollIntoView({ block: 'center' }));
  return { table, note: `${told.at} rows before it, and ${told.rows.length - told.at - 1} behind it.` };
}
