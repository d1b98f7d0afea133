/**
 * Declares the parameters of a job: a line for each, with what it takes.
 * Test hooks: `#parameters`, `.parameter [data-member]`, `.parameter-remove`, `#parameters-add`, `#parameters-errors`, `#parameters-done`.
 */

import { byId, element, iconButton, setHidden, setText } from '../dom.js';
import { textBox, textIn } from '../text-box.js';
import { answered, keepWritten } from '../unsaved.js';

const TYPES = ['text', 'number', 'date', 'choice'];

export class ParametersForm {
  #dialog = byId('parameters');
  #list = byId('parameters-list');
  #asked = null; // {check, onDone}; null while it is closed
  #before = ''; // what its lines said at first

  constructor() {
    byId('parameters-add').addEventListener('click', () => this.#add({}).querySelector('input').focus());
    byId('parameters-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    keepWritten(this.#dialog, {
      holds: () => this.#written !== this.#before,
      close: byId('parameters-close'),
      text: 'The parameters stay as they are.',
    });
    this.#dialog.addEventListener('close', () => this.#dialog.open || (this.#asked = null));
  }

  /**
   * `parameters`: as they stand in the graph, which may have any error. `check(parameters)` resolves to what is wrong with
   * them, a sentence each; `onDone(parameters)` gets those that nothing is wrong with.
   */
  open(parameters, { check, onDone }) {
    this.#asked = { check, onDone };
    this.#list.replaceChildren();
    for (const parameter of parameters) this.#add(parameter);
    if (parameters.length === 0) this.#add({});
    this.#before = this.#written;
    this.#say([]);
    this.#dialog.showModal();
  }

  get #written() {
    return JSON.stringify([...this.#list.children].map(read));
  }

  #add(parameter) {
    const made = line(parameter);
    made.querySelector('.parameter-remove').addEventListener('click', () => {
      const next = made.nextElementSibling ?? made.previousElementSibling;
      made.remove();
      (next?.querySelector('input') ?? byId('parameters-add')).focus();
    });
    this.#list.append(made);
    return made;
  }

  // What is written while the server looks is looked at, too: it would go with the dialog.
  async #submit() {
    const written = this.#written;
    const parameters = [...this.#list.children].map(read).filter((parameter) => parameter !== null);
    const asked = this.#asked;
    const errors = await asked.check(parameters);
    await answered(); // who leaves meanwhile wants none of it
    if (asked !== this.#asked || !this.#dialog.open) return undefined;
    if (written !== this.#written) return this.#submit();
    this.#say(errors);
    if (errors.length > 0) return undefined;
    this.#dialog.close();
    return asked.onDone(parameters);
  }

  #say(errors) {
    setText(byId('parameters-errors'), errors.join('\n'));
    setHidden(byId('parameters-errors'), errors.length === 0);
  }
}

/** The parameters of a graph that may have any error: those that are objects. */
export function parametersOf(graph) {
  const found = Array.isArray(graph?.parameters) ? graph.parameters : [];
  return found.filter((one) => typeof one === 'object' && one !== null && typeof one.name === 'string');
}

// A line that nobody wrote anything into is none.
function read(row) {
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
