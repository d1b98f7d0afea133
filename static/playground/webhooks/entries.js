/** A webhook, and what was delivered to it, as parts of a list. What is clicked is told to whoever made them. */

import { element, setHidden } from '../parts/dom.js';
import { asSentence, formatAge, shortRun } from '../parts/texts/text.js';

/** The ends that a webhook may be told, in the order in which they are offered; the first are what most want. */
const ENDS = {
  failed: 'failed',
  recovered: 'completed again after a failure',
  lost: 'lost',
  completed: 'completed',
  retrying: 'failed, and is tried again',
  cancelled: 'cancelled',
};
const OFFERED = ['failed', 'recovered', 'lost'];
const STATES = { ok: '', failing: 'fails', disabled: 'disabled' };
const STATUSES = { waiting: 'waits', delivered: 'delivered', failed: 'given up' };

/** A checkbox for each end. */
export function endChoices() {
  return Object.entries(ENDS).map(([value, words]) => {
    const box = element('input', '');
    Object.assign(box, { type: 'checkbox', value, defaultChecked: OFFERED.includes(value) });
    return element('label', 'webhook-end', box, element('span', '', words));
  });
}

/** `on`: {test, record, switch, secret, delete}, each called with the entry. */
export function entryOf(webhook, on) {
  const isOff = webhook.state === 'disabled';
  const said = element('p', 'webhook-said');
  said.setAttribute('role', 'status');
  const record = element('ol', 'webhook-deliveries');
  setHidden(record, true);
  const entry = element('li', 'webhook', head(webhook), element('p', 'webhook-about', aboutOf(webhook)));
  const whose = `of ${hostOf(webhook.url)}`;
  const buttons = [
    button('webhook-test', 'Test', whose, () => on.test(entry)),
    button('webhook-record', 'Deliveries', whose, () => on.record(entry)),
    button('webhook-switch', isOff ? 'Enable' : 'Disable', whose, () => on.switch(entry)),
    ...(webhook.form === 'slack' ? [] : [button('webhook-secret', 'New secret…', whose, () => on.secret(entry))]),
    button('webhook-delete', 'Delete…', whose, () => on.delete(entry)),
  ];
  buttons[1].setAttribute('aria-expanded', 'false');
  entry.append(element('div', 'webhook-buttons', ...buttons), said, record);
  entry.dataset.id = webhook.id;
  entry.dataset.state = webhook.state;
  return entry;
}

function head(webhook) {
  const made = element('p', 'webhook-url', webhook.url);
  if (STATES[webhook.state]) made.append(' ', element('span', 'webhook-state', STATES[webhook.state]));
  return made;
}

function aboutOf({ jobId, ends, form, disabledReason }) {
  const told = Object.keys(ENDS).filter((end) => ends.includes(end));
  const whose = jobId === null ? 'Runs of all jobs' : 'Runs of this job';
  const why = disabledReason === null ? '' : ` ${asSentence(disabledReason)}`;
  return `${whose}: ${told.map((end) => ENDS[end]).join(', ')}.${form === 'slack' ? ' As text for a chat.' : ''}${why}`;
}

function hostOf(url) {
  return URL.canParse(url) ? new URL(url).host : url;
}

function button(name, text, whose, onClick) {
  const made = element('button', `button ${name}`, text);
  made.type = 'button';
  made.setAttribute('aria-label', `${text} ${whose}`);
  made.addEventListener('click', onClick);
  return made;
}

/** What became of a delivery, in a sentence. */
export function saidOf({ status, answer, error }) {
  if (status === 'delivered') return `Delivered: it answered ${answer}.`;
  if (status === 'waiting') return error === null ? 'It waits: no runner has sent it yet.' : asSentence(error);
  return `Not delivered: ${error}.`;
}

/** An item for each delivery; those that are settled can be sent again. */
export function recordOf(deliveries, { isEnabled, now, replay }) {
  if (deliveries.length === 0) return [element('li', 'webhook-delivery', 'Nothing was delivered yet.')];
  return deliveries.map((delivery) => itemOf(delivery, { isEnabled, now, replay }));
}

function itemOf(delivery, { isEnabled, now, replay }) {
  const { event, runId, status, attempts, createdAt, answer, error } = delivery;
  const what = `${event.replace(/^run\./, '')}${runId === null ? '' : ` · run ${shortRun(runId)}`} · ${formatAge(now - createdAt)}`;
  const how = `${STATUSES[status] ?? status}, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}${answer === null ? '' : `, answer ${answer}`}`;
  const item = element('li', 'webhook-delivery', element('span', 'webhook-what', what), element('span', 'webhook-how', how));
  item.dataset.status = status;
  if (error !== null) item.append(element('span', 'webhook-why', asSentence(error)));
  if (isEnabled && status !== 'waiting') item.append(button('webhook-replay', 'Send again', what, () => replay(delivery)));
  return item;
}
