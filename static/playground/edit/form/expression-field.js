/**
 * What stands by a field of an expression: completion, the list of functions, and its value for the first rows. The field
 * grows with its text. Test hooks: `.expression-functions`, `.expression-try[aria-pressed]`, `.expression-values`.
 */

import { element, setHidden, setText } from '../../parts/dom.js';
import { afterPress } from '../../parts/presses.js';
import { Latest } from '../../server/latest.js';
import { completing } from './completion.js';
import { callAt, callText, inExpression } from './words.js';

/** Milliseconds without a change until an expression is computed again. */
const QUIET = 600;

/** What a field of an expression is told of when the page has written another one into it, as undo does. */
export const FILLED = 'expression-filled';

/**
 * Wraps the textarea. `words()`: {functions, columns, …}; `announce(text)`; `pickFunction(onPick)` lets a person choose one;
 * `valuesOf(expression)` resolves to the text of its first values, or rejects with an Error to show.
 */
export function byExpression(input, { words, announce, pickFunction, valuesOf }) {
  const find = (text, caret) => inExpression(text, caret, words());
  const explain = (text, caret) => {
    const name = callAt(text, caret);
    const called = words().functions.find((one) => one.name === name);
    return called === undefined ? '' : `${called.signature} → ${called.returns}. ${called.help} ${called.example} is ${called.gives}.`;
  };
  const functions = tool('expression-functions', 'Functions…', () => pickFunction((chosen) => insert(input, callText(chosen))));
  const values = element('p', 'expression-values');
  values.hidden = true;
  const made = completing(input, { find, explain, announce, label: 'Functions and columns' });
  made.append(element('div', 'expression-tools', functions, trying(input, values, { announce, valuesOf })), values);
  showTools(made);
  return made;
}

// Its tools are there while it is used. (In Safari a button that is pressed takes no focus, and has to be there until it is clicked.)
function showTools(made) {
  made.addEventListener('focusin', () => (made.dataset.used = 'true'));
  made.addEventListener('focusout', ({ relatedTarget }) => {
    if (!made.contains(relatedTarget)) afterPress(() => (made.dataset.used = String(made.contains(document.activeElement))));
  });
}

// The button that shows the first values, and computes them anew with each change while it is pressed.
function trying(input, values, { announce, valuesOf }) {
  const tell = (tone, text) => {
    values.dataset.tone = tone;
    setText(values, text);
    setHidden(values, text === '');
  };
  const latest = new Latest({ ask: valuesOf, wait: QUIET, onAnswer: (text) => shown('good', text), onError: (error) => shown('error', error.message) });
  const shown = (tone, text) => {
    tell(tone, text);
    if (isAsked) announce(text);
    isAsked = false;
  };
  let isAsked = false; // by the button: then the answer is read out
  const ask = (soon) => {
    if (input.value.trim() === '') return tell('good', '');
    if (values.hidden) tell('busy', 'Reading rows…');
    return latest.ask(input.value, { soon });
  };
  const button = tool('expression-try', 'Show values', () => {
    const isOn = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(isOn));
    isAsked = isOn;
    if (isOn) return ask(true);
    latest.cancel();
    return tell('good', '');
  });
  button.setAttribute('aria-pressed', 'false');
  const follow = (soon) => button.getAttribute('aria-pressed') === 'true' && ask(soon);
  input.addEventListener('input', () => follow(false));
  input.addEventListener(FILLED, () => follow(true));
  return button;
}

function tool(className, label, run) {
  const made = element('button', `link-button ${className}`, label);
  made.type = 'button';
  made.addEventListener('click', run);
  return made;
}

// In the place of what is selected in the field.
function insert(input, text) {
  input.focus();
  input.setRangeText(text, input.selectionStart ?? input.value.length, input.selectionEnd ?? input.value.length, 'end');
  input.dispatchEvent(new Event('input', { bubbles: true }));
}
