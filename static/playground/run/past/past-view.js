/**
 * The bar over a past run: which it is, a slider through its time, play, and the way back to now.
 * Test hooks: `#past`, `#past-menu`, `#past-title`, `#past-slider`, `#past-time`, `#past-play`, `#past-close`.
 */

import { byId, putAway, setAttribute, setHidden, setIcon, setText } from '../../parts/dom.js';
import { Menu } from '../../parts/lists/menu.js';
import { formatDuration, formatMoment, RUN_WORDS } from '../../parts/texts/text.js';

/** Places of the slider from the first word to the last. */
const STEPS = 1_000;

/** Seconds that playing takes at most: a run of an hour is told in a quarter of a minute. */
const LONGEST_PLAY = 15;

export class PastView {
  #box = byId('past');
  #slider = byId('past-slider');
  #play = byId('past-play');
  #span = null; // {from, to} of the run shown
  #playing = null; // {startedAt, from}: page time and run time when play was pressed
  #onTime;

  /** `onTime(ts)`: the person, or playing, went to another moment; `actions()`: what can be done with the run, as Menu takes it. */
  constructor({ onTime, onClose, actions }) {
    new Menu(byId('past-menu'), byId('past-menu-list'), actions);
    this.#onTime = onTime;
    this.#slider.addEventListener('input', () => {
      this.#stop();
      onTime(this.#span.from + this.#chosen);
    });
    this.#play.addEventListener('click', () => (this.#playing === null ? this.#start() : this.#stop()));
    byId('past-close').addEventListener('click', onClose);
  }

  /** Show the bar for a run's record and its Replay, at its end; or hide it (null). */
  show(record, replay) {
    this.#stop();
    putAway(this.#box, record === null);
    document.documentElement.dataset.time = record === null ? 'now' : 'past';
    if (record === null) return;
    this.#span = { from: replay.from, to: replay.to };
    setText(byId('past-title'), `Run of ${formatMoment(record.startedAt ?? record.createdAt)}`);
    setText(byId('past-status'), RUN_WORDS[record.status]);
    setText(byId('past-note'), replay.hasSteps ? '' : 'Only its end is still known.');
    setHidden(byId('past-time-box'), !replay.hasSteps || this.#length <= 0);
    setText(byId('past-length'), formatDuration(this.#length, true));
  }

  draw(ts) {
    const seconds = ts - this.#span.from;
    const place = String(Math.round((seconds / Math.max(this.#length, 1e-9)) * STEPS));
    if (this.#slider.value !== place) this.#slider.value = place;
    setText(byId('past-time'), formatDuration(seconds, true));
    setAttribute(this.#slider, 'aria-valuetext', `${formatDuration(seconds, true)} of ${formatDuration(this.#length, true)}`);
  }

  get #length() {
    return this.#span.to - this.#span.from;
  }

  // Seconds from the first word to where the slider stands.
  get #chosen() {
    return (Number(this.#slider.value) / STEPS) * this.#length;
  }

  #start() {
    const [at, length] = [this.#chosen, this.#length];
    this.#playing = { startedAt: performance.now(), from: at >= length * 0.995 ? 0 : at, speed: Math.max(1, length / LONGEST_PLAY) };
    this.#drawButton();
    this.#step(this.#playing);
  }

  #step(playing) {
    if (playing !== this.#playing) return;
    const length = this.#length;
    const seconds = playing.from + ((performance.now() - playing.startedAt) / 1000) * playing.speed;
    this.#onTime(this.#span.from + Math.min(seconds, length));
    if (seconds >= length) this.#stop();
    else requestAnimationFrame(() => this.#step(playing));
  }

  #stop() {
    this.#playing = null;
    this.#drawButton();
  }

  #drawButton() {
    const label = this.#playing === null ? 'Play' : 'Pause';
    setIcon(this.#play.querySelector('.icon'), this.#playing === null ? 'play' : 'pause');
    setAttribute(this.#play, 'aria-label', label);
    this.#play.title = label;
  }
}
