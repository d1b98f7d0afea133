/**
 * Help: what this is, the tour, keys, the functions of expressions, where the documents are, and how a program of one's own is seen here.
 * Test hooks: `#guide`, `#guide-functions li`, `#guide-search`, `#publish-settings`, `#publish-program`, `[data-copies]`, `#publish-open`.
 */

import { copyAndTell } from '../parts/copying.js';
import { byId, element, setHidden, setText } from '../parts/dom.js';
import { found } from '../parts/texts/find.js';
import { addressOf, jobPlace } from '../places/address.js';
import { currentTenant } from '../session/session.js';
import { openHelp } from './help.js';
import { freeNumber, PROGRAM, settingsText } from './publish.js';

export class GuideView {
  #dialog = byId('guide');
  #functions = null; // as GET /api/functions tells them; null: it has not
  #why = ''; // that it has not
  #host;

  /** `host`: {functions() → Promise of them, jobs() → [{id}], tour(), say(text)}. */
  constructor(host) {
    this.#host = host;
    byId('help-open').addEventListener('click', () => this.open());
    byId('guide-tour').addEventListener('click', () => {
      this.#dialog.close();
      host.tour();
    });
    byId('guide-keys').addEventListener('click', () => {
      this.#dialog.close();
      openHelp();
    });
    byId('guide-search').addEventListener('input', () => this.#drawFunctions());
    for (const button of this.#dialog.querySelectorAll('[data-copies]')) button.addEventListener('click', () => this.#copy(button));
  }

  open() {
    const jobId = freeNumber(this.#host.jobs());
    const { ownNats, natsPrefix } = document.documentElement.dataset;
    setText(byId('publish-settings'), settingsText({ jobId, nats: ownNats, prefix: natsPrefix, tenant: currentTenant() }));
    setText(byId('publish-program'), PROGRAM);
    setHidden(byId('publish-asks'), ownNats !== '');
    const link = byId('publish-open');
    link.href = addressOf(jobPlace(jobId));
    setText(link, link.href);
    this.#dialog.showModal();
    this.#load();
  }

  async #load() {
    if (this.#functions !== null) return;
    try {
      this.#functions = await this.#host.functions();
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      this.#why = problem.isOfConnection ? 'They are not known while offline.' : `They are not known: ${problem.message}`;
    }
    this.#drawFunctions();
  }

  #drawFunctions() {
    const known = this.#functions ?? [];
    const items = known.map((told) => ({ label: told.signature, hint: `${told.help} ${told.group} ${(told.also ?? []).join(' ')}`, told }));
    const shown = found(items, byId('guide-search').value);
    byId('guide-functions').replaceChildren(...shown.map(({ told }) => functionElement(told)));
    setText(byId('guide-found'), this.#functions === null ? this.#why : `${shown.length} of ${known.length} functions`);
  }

  #copy(button) {
    const source = byId(button.dataset.copies);
    return copyAndTell({ label: button, say: this.#host.say }, source.textContent, source);
  }
}

function functionElement({ signature, help, example, gives }) {
  return element('li', '', element('code', 'guide-signature', signature), element('span', '', help), element('code', 'guide-example', `${example} → ${gives}`));
}
