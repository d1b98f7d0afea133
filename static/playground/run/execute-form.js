/**
 * Asks for the values of a job's parameters before it runs. Proposes what was written here last, else what the last run
 * had, else the defaults. Test hooks: `#ask`, `#ask [data-parameter]`, `.ask-error`, `#ask-run`, `#ask-general`.
 */

import { byId, element, setHidden, setText } from '../parts/dom.js';
import { textBox, textIn } from '../parts/fields/text-box.js';

export class ExecuteForm {
  #dialog = byId('ask');
  #fields = byId('ask-fields');
  #run = byId('ask-run');
  #written = new Map(); // job id → {name: text} that a person wrote last
  #asked = null; // {jobId, title, parameters, run}; null where what was written in the form is kept already
  #begun = {}; // {name: text} with which the form began
  #say;

  /** `say(text)`: what is wrong, to a person who has closed the form meanwhile. */
  constructor({ say }) {
    this.#say = say;
    byId('ask-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#dialog.addEventListener('close', () => this.#dialog.open || this.#keepWritten());
  }

  /**
   * `parameters`: as the graph declares them; `last`: {name: text or null} of the last run. `run(values)` resolves to the
   * errors of values that the server does not take, [{field, message}]; to none when the form has done its work.
   */
  open({ jobId, title, parameters, last, run }) {
    this.#keepWritten(); // of an opening whose close was not told yet
    this.#asked = { jobId, title, parameters, run };
    setText(byId('ask-title'), title);
    const proposed = { ...last, ...this.#written.get(jobId) };
    this.#fields.replaceChildren(...parameters.map((parameter) => field(parameter, proposedText(parameter, proposed[parameter.name]))));
    this.#begun = this.#texts;
    this.#drawErrors([]);
    this.#run.disabled = false;
    this.#dialog.showModal();
    this.#input(parameters[0].name).focus();
  }

  get #texts() {
    return Object.fromEntries(this.#asked.parameters.map(({ name }) => [name, textIn(this.#input(name))]));
  }

  // Who leaves, by Back, too, finds it again; what was proposed and not changed may be proposed otherwise.
  #keepWritten() {
    if (this.#asked === null) return;
    const { jobId } = this.#asked;
    const changed = Object.entries(this.#texts).filter(([name, text]) => text !== this.#begun[name]);
    this.#written.set(jobId, { ...this.#written.get(jobId), ...Object.fromEntries(changed) });
    this.#asked = null;
  }

  async #submit() {
    const asked = this.#asked;
    const texts = this.#texts;
    this.#written.set(asked.jobId, texts);
    const bad = asked.parameters.filter(({ name }) => this.#input(name).validity.badInput); // 30 February has no value, and is not nothing
    if (bad.length > 0) return this.#show(bad.map(({ name }) => ({ field: fieldOf(name), message: 'There is no such date.' })));
    this.#run.disabled = true;
    const errors = await asked.run(valuesOf(asked.parameters, texts));
    if (asked !== this.#asked || !this.#dialog.open) return this.#tellLate(asked, errors);
    this.#run.disabled = false;
    return errors.length === 0 ? this.#dialog.close() : this.#show(errors);
  }

  #tellLate({ title }, errors) {
    if (errors.length > 0) this.#say(`${title}: ${errors.map(({ message }) => message).join(' ')}`);
  }

  #show(errors) {
    this.#drawErrors(errors);
    const first = this.#asked.parameters.find(({ name }) => errors.some((error) => error.field === fieldOf(name)));
    return first === undefined ? undefined : this.#input(first.name).focus();
  }

  #input(name) {
    return [...this.#fields.querySelectorAll('[data-parameter]')].find(({ dataset }) => dataset.parameter === name);
  }

  #drawErrors(errors) {
    for (const { name } of this.#asked.parameters) {
      const said = errors.filter(({ field: at }) => at === fieldOf(name)).map(({ message }) => message).join('\n');
      const input = this.#input(name);
      const told = byId(`${input.id}-error`);
      setText(told, said);
      setHidden(told, said === '');
      input.setAttribute('aria-invalid', String(said !== ''));
    }
    const known = new Set(this.#asked.parameters.map(({ name }) => fieldOf(name)));
    const general = errors.filter(({ field: at }) => !known.has(at)).map(({ message }) => message).join('\n');
    setText(byId('ask-general'), general);
    setHidden(byId('ask-general'), general === '');
  }
}

/** How an error of the server names a parameter. */
export function fieldOf(name) {
  return `parameters.${name}`;
}

/** What goes to the server for what stands in the form: null is no value, and '' an empty text, or a mistake that it tells. */
export function valuesOf(parameters, texts) {
  const has = (parameter) => (parameter.default ?? null) !== null;
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, texts[parameter.name] === '' && !has(parameter) ? null : texts[parameter.name]]));
}

/** The text that the form begins with. */
export function proposedText(parameter, last) {
  const text = last ?? parameter.default ?? '';
  const isChoice = parameter.type === 'choice';
  return String(isChoice && text !== '' && !(parameter.choices ?? []).includes(text) ? (parameter.default ?? '') : text);
}

// What people write as a help ends with or without a full stop.
function asEnded(help) {
  const text = help.trim();
  if (text === '') return '';
  return /[.!?…:]$/.test(text) ? `${text} ` : `${text}. `;
}

function field(parameter, text) {
  const { name, type, help = '', required = false } = parameter;
  const id = `ask-${name}`;
  const input = INPUTS[type]?.(parameter, text) ?? textBox(text);
  input.id = id;
  input.dataset.parameter = name;
  input.setAttribute('aria-describedby', `${id}-help ${id}-error`);
  const label = element('label', '', name);
  label.htmlFor = id;
  const said = element('p', 'ask-help', required ? `${asEnded(help)}Required.` : help);
  said.id = `${id}-help`;
  const error = element('p', 'ask-error');
  error.id = `${id}-error`;
  error.hidden = true;
  return element('div', 'ask-field', label, input, said, error);
}

const INPUTS = {
  choice,
  date: (_parameter, text) => line('date', text),
  number: (_parameter, text) => {
    const input = line('text', text);
    input.inputMode = 'decimal';
    return input;
  },
};

function line(type, text) {
  const input = element('input', '');
  input.type = type;
  input.autocomplete = 'off';
  input.spellcheck = false;
  input.value = text;
  return input;
}

// An empty entry only where no value is a choice, too.
function choice({ choices = [], required = false, default: otherwise = null }, text) {
  const offered = required || otherwise !== null ? choices : ['', ...choices];
  const all = text === '' && !offered.includes('') ? ['', ...offered] : offered;
  const select = element('select', '', ...all.map((one) => new Option(one, one)));
  select.value = text;
  return select;
}
