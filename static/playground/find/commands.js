/** The commands that can be found by name: each presses a button of the page, and is there while that one can be pressed. */

import { isPressable } from '../parts/dom.js';

const COMMANDS = [
  { press: '#execute', label: 'Execute this job', icon: 'play' },
  { press: '#cancel', label: 'Cancel the run', icon: 'stop' },
  { press: '#save', label: 'Save this job', icon: 'save', key: 'Mod+S' },
  { press: '#past-close', label: 'Back to now', icon: 'undo' },
  { press: '#past-play', label: 'Play the past run', icon: 'play' },
  { press: '#add', label: 'Add a node', icon: 'plus', key: 'A' },
  { press: '#undo', label: 'Undo', icon: 'undo', key: 'Mod+Z' },
  { press: '#redo', label: 'Redo', icon: 'redo', key: 'Mod+Shift+Z' },
  { press: '#tidy', label: 'Tidy up', icon: 'tidy', key: 'T' },
  { press: '#fit', label: 'Fit: show all of the graph', icon: 'fit', key: '0' },
  { press: '#zoom-in', label: 'Zoom in', icon: 'plus', key: '+' },
  { press: '#zoom-out', label: 'Zoom out', icon: 'minus', key: '−' },
  { press: '#problems', label: 'Show the next problem', icon: 'error' },
  { press: '[data-drawer="preview"]', label: 'Preview the rows of the node', icon: 'table', key: 'P' },
  { press: '[data-drawer="table"]', label: 'Table: the graph as a table', icon: 'table' },
  { press: '[data-drawer="times"]', label: 'Times: when each node worked', icon: 'times' },
  { press: '[data-drawer="runs"]', label: 'Runs of this job', icon: 'queued' },
  { press: '[data-drawer="log"]', label: 'Log of the run', icon: 'log' },
  { press: '[data-drawer="program"]', label: 'Program of the run', icon: 'braces' },
  { press: '#job-edit', label: 'Edit this job as JSON', icon: 'braces' },
  { press: '#job-notify', label: 'Tell me when a run of this job ends', icon: 'bell' },
  { press: '.page-link[data-page-link="home"]', label: 'Home: what runs and what failed', icon: 'mark' },
  { press: '.page-link[data-page-link="runs"]', label: 'Runs of all jobs', icon: 'queued' },
  { press: '#job-new', label: 'New job', icon: 'plus' },
  { press: '#home-new', label: 'New job', icon: 'plus' },
  { press: '#job-import', label: 'Import jobs from JSON files', icon: 'upload' },
  { press: '#home-import', label: 'Import jobs from JSON files', icon: 'upload' },
  { press: '#keys', label: 'Keys and pointer', icon: 'keyboard', key: '?' },
  { press: '#help-open', label: 'Help', icon: 'help' },
];

/** [{label, icon, key, run()}]: what can be done now. */
export function commandsNow() {
  return COMMANDS.flatMap(({ press, ...command }) => {
    /** @type {HTMLButtonElement | null} */
    const button = document.querySelector(press);
    return canBePressed(button) ? [{ ...command, run: () => button.click() }] : [];
  });
}

function canBePressed(button) {
  return button !== null && isPressable(button) && button.checkVisibility();
}
