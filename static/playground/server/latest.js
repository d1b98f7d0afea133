/**
 * Asks when it has been quiet for a moment, and tells only the newest answer: one that comes late, after a newer
 * question, is dropped. `ask(question, signal)` may reject; then `onError` is told, unless a newer question came, and a Problem that may pass
 * has it asked again. Another Error is the last word.
 */

import { askAgainAfter } from './asking-again.js';

export class Latest {
  #ask;
  #onAnswer;
  #onError;
  #wait;
  #generation = 0;
  #timer = null;
  #abort = null;

  constructor({ ask, onAnswer, onError = (_error) => undefined, wait }) {
    this.#ask = ask;
    this.#onAnswer = onAnswer;
    this.#onError = onError;
    this.#wait = wait;
  }

  /** Ask this instead of whatever was asked before; `soon`: without waiting for quiet. */
  ask(question, { soon = false } = {}) {
    this.cancel();
    const generation = this.#generation;
    this.#timer = setTimeout(() => this.#put(question, generation), soon ? 0 : this.#wait);
  }

  /** Nobody wants an answer any more. */
  cancel() {
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #put(question, generation) {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const answer = await this.#ask(question, abort.signal);
      if (generation === this.#generation) this.#onAnswer(answer, question);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#onError(error);
      if (error.status !== undefined) askAgainAfter(error, () => generation === this.#generation && this.#put(question, generation));
    }
  }
}
