/**
 * The failure of a node as a place to work: a part of its details. It shows the whole row at fault and where that stands, puts the
 * field at fault on top of the node's form, and offers what helps: to look at the rows around it, to let such rows leave the node,
 * to save and run again.
 *
 * Test hooks: `#failure`, `#failure-place`, `#failure-row` with `[data-fault]`, `#failure-more`, `#failure-again`, `#failure-around`,
 * `#failure-skip`, `#failure-file`.
 */

import { parametersOf } from '../model/graphs.js';
import { REJECTED } from '../model/ports.js';
import { byId, element, isPressable, labelledButton, putAway, setDisabled, setHidden, setText } from '../parts/dom.js';
import { formatCount } from '../parts/texts/text.js';
import { rowsAround } from './around.js';
import { canReject, cellsOf, fieldAtFault, hasRowsBefore, isStanding, placeText, valuesFor } from './rules.js';

export class Failure {
  #api;
  #page;
  #editor;
  #again;
  #parts = {};
  #shown = null; // {node, record, ofRun, graph}: the node's view, what is known of its run, the draft
  #drawn = null; // the row that the table shows

  /** `editor()`: the page's, which is made later; `runAgain(values | null)`: a whole run, with these values of its parameters. */
  constructor({ api, page, editor, runAgain }) {
    this.#api = api;
    this.#page = page;
    this.#editor = editor;
    this.#again = runAgain;
    this.element = this.#made();
  }

  /** Draw what is true of a node. `record`: what the server has of its run, or null; `ofRun`: the graph of that run; `canRun`: whether one may begin; `isPast`: it is only looked at. */
  draw(node, { record, ofRun, canRun, isPast }) {
    const editor = this.#editor();
    const graph = isPast ? null : editor.graph;
    const isFailed = node.state === 'error' && (node.row !== null || graph !== null);
    this.#shown = isFailed ? { node, record, ofRun, graph } : null;
    putAway(this.element, !isFailed, () => byId('details-close').focus());
    editor.showFault(isFailed && graph !== null ? this.#faultIn(graph, editor.types) : null);
    if (!isFailed) return;
    const isRead = (record?.fromRun ?? null) === null; // else rows may be those that a run before kept
    this.#drawRow(node, isRead);
    const { again, around, skip, file } = this.#parts;
    const mayReject = graph !== null && node.row !== null && canReject(graph, editor.types, node.nodeId);
    for (const button of [skip, file]) setHidden(button, !mayReject);
    setHidden(around, graph === null || node.row === null || !isRead || !hasRowsBefore(graph, node.nodeId));
    setHidden(again, graph === null);
    setDisabled(again, !canRun);
    setText(again.querySelector('span'), editor.isDirty ? 'Save and run again' : 'Run again');
  }

  #drawRow({ row, fault }, isRead) {
    const { place, table, more, frame } = this.#parts;
    setHidden(place, row === null);
    setHidden(frame, row === null);
    setHidden(more, !row?.more);
    if (row === null) return;
    setText(place, placeText(row, isRead));
    if (row === this.#drawn) return;
    this.#drawn = row;
    setText(more, `and ${formatCount(row.more)} more columns`);
    table.replaceChildren(element('caption', 'visually-hidden', 'The row at fault'), element('tbody', '', ...cellsOf(row, fault).map(cellRow)));
  }

  // What the form is to show on top; null where the failure is about no field, or the node is gone.
  #faultIn(graph, types) {
    const { node, ofRun } = this.#shown;
    const now = graph.nodes.find(({ id }) => id === node.nodeId);
    const before = ofRun.nodes.find(({ id }) => id === node.nodeId);
    if (now === undefined || node.fault === null) return null;
    const config = before?.config ?? now.config;
    const field = fieldAtFault(types.get(now.type), config, node.fault);
    return field === null
      ? null
      : { nodeId: node.nodeId, field, text: node.fault.text, message: node.message, isStanding: isStanding(field, config, now.config) };
  }

  #runAgain() {
    if (!isPressable(this.#parts.again)) return;
    const { record, graph } = this.#shown;
    this.#again(record === null ? null : valuesFor(parametersOf(graph), record.parameters));
  }

  #lookAround() {
    const { node, record, graph } = this.#shown;
    const { number, place } = node.row;
    const parameters = valuesFor(parametersOf(graph), record?.parameters) ?? undefined;
    const load = () => this.#api.previewAround(this.#editor().graph, node.nodeId, { number, place }, parameters);
    this.#editor().openPreview(node.nodeId, {
      title: `What comes to ${node.nodeName} around row ${formatCount(number)}`,
      load,
      draw: (told) => rowsAround(told, number),
    });
  }

  // One step of the draft, which undo takes back. The person stays with the failure.
  #reject(to, said) {
    const { node } = this.#shown;
    const editor = this.#editor();
    editor.addAfter(node.nodeId, REJECTED.name, to);
    editor.select(node.nodeId);
    this.#page.announce(said);
    requestAnimationFrame(() => requestAnimationFrame(() => this.#parts.again.focus()));
  }

  #made() {
    const p = this.#parts;
    p.place = named(element('p', 'failure-place', ''), 'failure-place');
    p.table = named(element('table', 'failure-row'), 'failure-row');
    p.frame = element('div', 'failure-frame', p.table);
    p.frame.tabIndex = 0;
    p.frame.setAttribute('role', 'region');
    p.frame.setAttribute('aria-label', 'The row at fault');
    p.more = named(element('p', 'failure-place', ''), 'failure-more');
    p.again = labelledButton('failure-again', 'play', 'Run again', () => this.#runAgain());
    p.again.classList.add('button-primary');
    p.around = labelledButton('failure-around', 'table', 'Rows around it', () => this.#lookAround());
    p.skip = labelledButton(
      'failure-skip',
      'filter',
      'Skip and count such rows',
      () =>
        this.#reject({ type: 'filter', label: 'Skipped rows', config: { condition: 'False' } }, 'Rows that fail are skipped and counted from the next run on.'),
    );
    p.file = labelledButton('failure-file', 'csv', 'Write such rows to a file', () => this.#toFile());
    const made = element('section', 'failure', p.place, p.frame, p.more, element('div', 'failure-buttons', p.again, p.around, p.skip, p.file));
    made.setAttribute('aria-label', 'What can be done about the failure');
    made.id = 'failure';
    made.hidden = true;
    return made;
  }

  #toFile() {
    const { node } = this.#shown;
    const path = `rejected-${this.#editor().document.id}-${node.nodeId}.csv`;
    this.#reject({ type: 'csv_output', label: 'Bad rows', config: { path } }, `Rows that fail are written to ${path} from the next run on.`);
  }
}

function cellRow({ name, value, isAtFault }) {
  const head = element('th', '', name);
  head.scope = 'row';
  const cell = element('td', value === null ? 'is-null' : '', value ?? 'NULL');
  const made = element('tr', '', head, cell);
  if (isAtFault) {
    made.dataset.fault = 'true';
    head.append(element('span', 'visually-hidden', ' (at fault)'));
  }
  return made;
}

function named(part, id) {
  part.id = id;
  return part;
}
