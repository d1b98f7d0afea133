/**
 * Declares the parameters of a job: a line for each, with what it takes.
 * Test hooks: `#parameters`, `.parameter [data-member]`, `.parameter-remove`, `#parameters-add`, and those of CheckedForm for `#parameters`.
 */

import { byId, element, iconButton, setHidden } from '../../parts/dom.js';
import { textBox, textIn } from '../../parts/fields/text-box.js';
import { CheckedForm } from './checked-form.js';

const TYPES = ['text', 'number', 'date', 'choice'];

export function parametersForm() {
  byId('parameters-add').addEventListener('click', () => add({}).querySelector('input').focus());
  return new CheckedForm('parameters', { fill, read, stays: 'The parameters stay as they are.' });
}

function fill(parameters) {
  byId('parameters-list').replaceChildren();
  for (const parameter of parameters.length === 0 ? [{}] : parameters) add(parameter);
}

function read() {
  return [...byId('parameters-list').children].map(readLine).filter((parameter) => parameter !== null);
}

function add(parameter) {
  const made = line(parameter);
  made.querySelector('.parameter-remove').addEventListener('click', () => {
    const next = made.nextElementSibling ?? made.previousElementSibling;
    made.remove();
    (next?.querySelector('input') ?? byId('parameters-add')).focus();
  });
  byId('parameters-list').append(made);
  return made;
}

// A line that nobody wrote anything into is none.
function readLine(row) {
  const of = (member) => row.querySelector(`[data-member="${member}"]`);
  const { default: before = null } = row.parameter;
  const [name, type, otherwise, help] = ['name', 'type', 'default', 'help'].map((member) => textIn(of(member)));
  if ([name, otherwise, help, of('choices').value].every((text) => text.trim() === '')) return null;
  const made = { name: name.trim(), type };
  if (otherwise !== '' || before === '') made.default = otherwise;
  if (of('required').checked) made.required = true;
  if (type === 'choice') made.choices = of('choices').value.split('\n').filter((text) => text.trim() !== '');
  if (help.trim() !== '') made.help = help.trim();
  return made;
}

function line(parameter) {
  const { name = '', type = 'text', default: otherwise, required = false, choices = [], help = '' } = parameter;
  const types = element('select', '', ...TYPES.map((one) => new Option(one, one)));
  types.value = TYPES.includes(type) ? type : 'text';
  const lines = element('textarea', '');
  lines.rows = 3;
  lines.value = Array.isArray(choices) ? choices.join('\n') : '';
  const check = element('input', '');
  check.type = 'checkbox';
  check.checked = required === true;
  const ofChoices = labelled('Choices, one a line', lines, 'choices');
  const showChoices = () => setHidden(ofChoices, types.value !== 'choice');
  types.addEventListener('change', showChoices);
  showChoices();
  const remove = iconButton('trash', 'Remove this parameter');
  remove.classList.add('parameter-remove');
  const made = element(
    'li',
    'parameter',
    labelled('Name', textInput(name), 'name'),
    labelled('Type', types, 'type'),
    labelled('Default', textBox(String(otherwise ?? '')), 'default'),
    labelled('Required', check, 'required'),
    remove,
    ofChoices,
    labelled('Help', textInput(help), 'help'),
  );
  made.parameter = parameter;
  return made;
}

function textInput(text) {
  const input = element('input', '');
  input.type = 'text';
  input.value = String(text);
  input.autocomplete = 'off';
  input.spellcheck = false;
  return input;
}

function labelled(text, input, member) {
  input.dataset.member = member;
  return element('label', `parameter-${member}`, element('span', '', text), input);
}
