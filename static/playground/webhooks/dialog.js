/**
 * Who else is told when a run of a job ends: the webhooks of the job, and those of all jobs.
 * Test hooks: `#webhooks`, `.webhook[data-id]`, `.webhook-test`, `.webhook-said`, `.webhook-record`, `.webhook-switch`, `.webhook-secret`,
 * `.webhook-delete`, `.webhook-deliveries`, `#webhooks-url`, `#webhooks-job`, `#webhooks-form-kind`, `#webhooks-ends`, `#webhooks-add`,
 * `#webhooks-errors`, `#webhooks-key`.
 */

import { byId, setHidden, setText } from '../parts/dom.js';
import { confirmed } from '../parts/questions/confirm.js';
import { InOrder } from '../server/in-order.js';
import { Making } from '../server/making.js';
import { oneAtATime } from '../server/one-at-a-time.js';
import { endChoices, entryOf, recordOf, saidOf } from './entries.js';

/** Milliseconds between two looks whether a test has gone out, and how often it is looked. */
const LOOK_EVERY = 700;
const LOOKS = 60;

export class WebhooksDialog {
  #api;
  #tell;
  #webhooks; // the making of them
  #secrets;
  #dialog = byId('webhooks');
  #list = byId('webhooks-list');
  #jobId = null;
  #looks = new InOrder();
  #opened = 0; // grows with each opening: what an earlier one asked for is not shown

  /** `tell(text, cause)`: what of a change went wrong, to a person who has left the dialog; `cause` as NoticeView.say takes it. */
  constructor(api, { tell }) {
    this.#api = api;
    this.#tell = tell;
    this.#webhooks = new Making((webhook, key) => api.createWebhook(webhook, key));
    this.#secrets = new Making((id, key) => api.changeSecret(id, key));
    byId('webhooks-ends').append(...endChoices());
    const add = oneAtATime(() => this.#change(() => this.#add()));
    byId('webhooks-form').addEventListener('submit', (event) => {
      event.preventDefault();
      add();
    });
    byId('webhooks-key').addEventListener('focus', ({ target }) => target.select());
    this.#dialog.addEventListener('close', () => this.#forget());
  }

  open({ id, name }) {
    this.#jobId = id;
    this.#opened += 1;
    this.#list.replaceChildren();
    this.#showSecret(null);
    setText(byId('webhooks-of-job'), `Runs of ${name}`);
    setHidden(byId('webhooks-none'), true);
    setHidden(byId('webhooks-errors'), true);
    this.#dialog.showModal();
    byId('webhooks-url').focus();
    return this.#look();
  }

  // A secret is shown once, and is not left in the page.
  #forget() {
    this.#opened += 1;
    this.#showSecret(null);
    this.#list.replaceChildren();
    byId('webhooks-form').reset();
  }

  // Also behind a change, which is done by then: what goes wrong with the look is not told as if the change had failed.
  #look() {
    return this.#attempt(() => this.#load());
  }

  async #load() {
    const opened = this.#opened;
    const isNewest = this.#looks.ask();
    const webhooks = await this.#api.webhooks(this.#jobId);
    if (opened !== this.#opened || !isNewest()) return;
    this.#list.replaceChildren(...webhooks.map((webhook) => this.#entry(webhook)));
    setHidden(byId('webhooks-none'), webhooks.length > 0);
  }

  #entry(webhook) {
    return entryOf(webhook, {
      test: (entry) => this.#attempt(() => this.#test(webhook, entry)),
      record: (entry) => this.#attempt(() => this.#toggleRecord(webhook, entry)),
      switch: () => this.#change(() => this.#switch(webhook)),
      secret: () => this.#change(() => this.#changeSecret(webhook)),
      delete: () => this.#change(() => this.#delete(webhook)),
    });
  }

  async #add() {
    const opened = this.#opened;
    const ends = [...byId('webhooks-ends').querySelectorAll('input:checked')].map(({ value }) => value);
    const made = await this.#webhooks.make({
      url: byId('webhooks-url').value.trim(),
      ends,
      form: byId('webhooks-form-kind').value,
      jobId: byId('webhooks-job').value === 'all' ? null : this.#jobId,
    });
    if (opened !== this.#opened) return;
    byId('webhooks-form').reset();
    if (made.form !== 'slack') this.#showSecret(made.secret); // a chat checks nothing
    await this.#look();
    this.#focus(made.id, '.webhook-test');
  }

  async #test(webhook, entry) {
    const said = entry.querySelector('.webhook-said');
    delete said.dataset.status;
    setText(said, 'Being sent…');
    const delivery = await this.#delivered(webhook).catch((problem) => {
      setText(said, ''); // nobody knows; why is told
      throw problem;
    });
    setText(said, saidOf(delivery));
    said.dataset.status = delivery.status;
    if (!entry.querySelector('.webhook-deliveries').hidden) await this.#showRecord(webhook, entry);
  }

  // The answer to a test names the delivery, which a runner sends: it is asked for until that has happened.
  async #delivered(webhook) {
    const opened = this.#opened;
    let delivery = await this.#api.testWebhook(webhook.id);
    for (let looks = 0; delivery.status === 'waiting' && looks < LOOKS && opened === this.#opened; looks += 1) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      delivery = await this.#api.webhookDelivery(webhook.id, delivery.id);
    }
    return delivery;
  }

  async #toggleRecord(webhook, entry) {
    const record = entry.querySelector('.webhook-deliveries');
    const isShown = record.hidden;
    if (isShown) await this.#showRecord(webhook, entry);
    setHidden(record, !isShown);
    entry.querySelector('.webhook-record').setAttribute('aria-expanded', String(isShown));
  }

  async #showRecord(webhook, entry) {
    const deliveries = await this.#api.webhookDeliveries(webhook.id);
    const replay = (delivery) => this.#change(() => this.#replay(webhook, delivery, entry));
    entry.querySelector('.webhook-deliveries').replaceChildren(
      ...recordOf(deliveries, { isEnabled: webhook.state !== 'disabled', now: this.#api.now(), replay }),
    );
  }

  async #replay(webhook, delivery, entry) {
    const opened = this.#opened;
    await this.#api.replayDelivery(webhook.id, delivery.id);
    if (opened !== this.#opened) return;
    setText(entry.querySelector('.webhook-said'), 'It is sent again.');
    await this.#attempt(() => this.#showRecord(webhook, entry));
    entry.querySelector('.webhook-record').focus();
  }

  async #switch(webhook) {
    const opened = this.#opened;
    const { url, ends, form, jobId, state } = webhook;
    await this.#api.replaceWebhook(webhook.id, { url, ends, form, jobId, enabled: state === 'disabled' });
    if (opened !== this.#opened) return;
    await this.#look();
    this.#focus(webhook.id, '.webhook-switch');
  }

  async #changeSecret(webhook) {
    const wanted = await confirmed({
      title: 'Make a new secret?',
      text: 'The present one goes on signing, too, for a day. Give the receiver the new one until then.',
      yes: 'Make one',
      danger: false,
    });
    if (!wanted) return;
    const opened = this.#opened;
    const { secret } = await this.#secrets.make(webhook.id);
    if (opened === this.#opened) this.#showSecret(secret);
  }

  async #delete(webhook) {
    const wanted = await confirmed({
      title: 'Delete this webhook?',
      text: `${webhook.url} is told nothing any more, and the record of what it was told goes.`,
      yes: 'Delete',
    });
    if (!wanted) return;
    const opened = this.#opened;
    await this.#api.deleteWebhook(webhook.id);
    if (opened !== this.#opened) return;
    await this.#look();
    byId('webhooks-url').focus();
  }

  #showSecret(secret) {
    byId('webhooks-key').value = secret ?? '';
    setHidden(byId('webhooks-secret'), secret === null);
    if (secret !== null) byId('webhooks-secret').scrollIntoView({ block: 'nearest' });
  }

  #focus(id, part) {
    this.#list.querySelector(`.webhook[data-id="${id}"] ${part}`)?.focus();
  }

  // Work that changes something: what goes wrong with it is told also to who has left the dialog.
  #change(work) {
    return this.#attempt(work, ({ message, status, isOfConnection }) => {
      if (status !== 401) this.#tell(`Tell others: ${message}`, isOfConnection ? 'connection' : null);
    });
  }

  async #attempt(work, tellLate = (_problem) => undefined) {
    const opened = this.#opened;
    this.#say('');
    try {
      await work();
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (opened === this.#opened) this.#say(problem.message);
      else tellLate(problem);
    }
  }

  #say(text) {
    setText(byId('webhooks-errors'), text);
    setHidden(byId('webhooks-errors'), text === '');
  }
}
