/**
 * What the keys do in the graph: one table, for the keyboard and for the page that explains it. Pure.
 *
 * `key` as keyName tells it; `mod` is Ctrl, or ⌘ on a Mac; `shift` undefined: either; `repeats`: a key that is held does it again and again, all
 * others do it once: the next one would be of what the keyboard came to.
 */

export const KEYS = [
  { command: 'add', key: 'a', shown: 'A', says: 'Add a node; after the selected one, and connected to it' },
  { command: 'connect', key: 'c', shown: 'C', says: 'Connect the node to another' },
  { command: 'open', key: 'Enter', shown: 'Enter', says: 'Open the node’s settings; once more: go into them', native: true },
  { command: 'toggle', key: ' ', shown: 'Space', says: 'Select the node as well, or not any more' },
  { command: 'selectAll', key: 'a', mod: true, shown: 'Mod+A', says: 'Select everything' },
  { command: 'left', key: 'ArrowLeft', repeats: true, shown: '← ↑ → ↓', says: 'Move what is selected; with Shift further. Nothing selected: look around' },
  { command: 'right', key: 'ArrowRight', repeats: true },
  { command: 'up', key: 'ArrowUp', repeats: true },
  { command: 'down', key: 'ArrowDown', repeats: true },
  { command: 'delete', key: 'Delete', shown: 'Delete', says: 'Delete what is selected' },
  { command: 'delete', key: 'Backspace' },
  { command: 'undo', key: 'z', mod: true, shift: false, repeats: true, shown: 'Mod+Z', says: 'Undo' },
  { command: 'redo', key: 'z', mod: true, shift: true, repeats: true, shown: 'Mod+Shift+Z', says: 'Redo' },
  { command: 'redo', key: 'y', mod: true, repeats: true },
  { command: 'copy', key: 'c', mod: true, shown: 'Mod+C', says: 'Copy; into other jobs and pages too', native: true },
  { command: 'cut', key: 'x', mod: true, shown: 'Mod+X', says: 'Cut', native: true },
  { command: 'paste', key: 'v', mod: true, shown: 'Mod+V', says: 'Paste', native: true },
  { command: 'duplicate', key: 'd', mod: true, shown: 'Mod+D', says: 'Duplicate what is selected' },
  { command: 'preview', key: 'p', shown: 'P', says: 'Preview the rows that the node gives' },
  { command: 'tidy', key: 't', shown: 'T', says: 'Tidy up: lay the graph out' },
  { command: 'zoomIn', key: '+', repeats: true, shown: '+', says: 'Zoom in' },
  { command: 'zoomIn', key: '=', repeats: true },
  { command: 'zoomOut', key: '-', repeats: true, shown: '−', says: 'Zoom out' },
  { command: 'fit', key: '0', shown: '0', says: 'Show all of it' },
  { command: 'menu', key: 'F10', shift: true, shown: 'Shift+F10', says: 'What can be done with the node, or with the graph', native: true },
  { command: 'escape', key: 'Escape', shown: 'Esc', says: 'Close the settings, then select nothing' },
];

/** Keys that work wherever the focus is, in fields as well. */
export const KEYS_EVERYWHERE = [
  { command: 'save', key: 's', mod: true, shown: 'Mod+S', says: 'Save' },
  { command: 'find', key: 'k', mod: true, shown: 'Mod+K', says: 'Find a node, job or command by some of its letters' },
  { command: 'rename', key: 'F2', shown: 'F2', says: 'Rename the job' },
  { command: 'help', key: '?', inFields: false, shown: '?', says: 'This list' },
];

/** What the pointer does that a person may not guess. */
export const POINTER = [
  ['Drag from a port', 'Connect; dropped on nothing, it offers nodes to add'],
  ['Drag on the ground', 'Select all in an area; Shift adds to it'],
  ['Drop a CSV, NDJSON, Parquet or Excel file', 'Upload it, and add the node that reads it'],
  ['Right button', 'What can be done with a node, an edge or the graph'],
  ['Wheel, or middle button', 'Look around; with Ctrl the wheel zooms'],
];

/** What a key press is called in the tables. On a keyboard of other letters than Latin ones it is the letter that stands at its place: Ctrl+Я is Ctrl+Z. */
export function keyName({ key, code = '' }) {
  if (key.length !== 1) return key;
  const isOther = /(?!\p{Script=Latin})\p{L}/u.test(key);
  const place = isOther ? (/^Key([A-Z])$/.exec(code)?.[1] ?? key) : key;
  return place.toLowerCase();
}

/** The command of a key press: an entry of the table, or null. */
export function commandOf(event, table) {
  const key = keyName(event);
  const mod = event.ctrlKey || event.metaKey;
  if (event.altKey) return null;
  return table.find((entry) => entry.key === key && (entry.mod ?? false) === mod && (entry.shift === undefined || entry.shift === event.shiftKey)) ?? null;
}

/** Whether a key press means to save; the browser would save the page itself, which nobody means. */
export function isSave(event) {
  return commandOf(event, KEYS_EVERYWHERE)?.command === 'save';
}

/** The key of a command, as it is written on this machine; '' where it has none. */
export function keyOf(command, isMac) {
  return keyNames([...KEYS, ...KEYS_EVERYWHERE].find((entry) => entry.command === command && entry.shown !== undefined)?.shown ?? '', isMac);
}

/** "Mod+Z" as it is written on this machine. */
export function keyNames(shown, isMac) {
  return isMac ? shown.replace('Mod+', '⌘').replace('Shift+', '⇧') : shown.replace('Mod', 'Ctrl');
}
