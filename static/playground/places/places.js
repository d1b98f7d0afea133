/**
 * Where the person is: what the address says is shown, and what is shown the address says. Owns the way there, from the address until
 * it is shown.
 */

import { keepKeyboard } from '../parts/dom.js';
import { leaveQuestions } from '../parts/questions/confirm.js';
import { isWritten, leftWritten } from '../parts/questions/unsaved.js';
import { currentRights } from '../session/session.js';
import { jobPlace, placeIn, putInAddress } from './address.js';

/** Milliseconds until the address takes what was chosen: browsers allow few changes of it in a row. */
const ADDRESS_WAIT = 300;

export class Places {
  #job;
  #lookedAt;
  #runs;
  #pages;
  #home;
  #does;
  #arriving = null; // {place, isChosen, hasMoved}: what the address names, until it is shown, and what a person did meanwhile: chose a node, moved
  #timer = null;
  #isKnownWho = false; // until then no place asks the server for anything
  #first = Promise.withResolvers();

  /** `does`: {open(jobId) → Promise, leave(), showNode(id), redraw()}; a job is left where another page is shown. */
  constructor({ job, lookedAt, runs, pages, home, does }) {
    this.#job = job;
    this.#lookedAt = lookedAt;
    this.#runs = runs;
    this.#pages = pages;
    this.#home = home;
    this.#does = does;
  }

  /** It is known who the person is, as it was not until now, or somebody else: what the address names is asked for, also where it is shown. */
  begin() {
    this.#isKnownWho = true;
    this.#first.resolve(this.arrive(placeIn(location.href), { isAnew: true }));
  }

  go(place, { isAnew = false, ...options } = {}) {
    putInAddress(place, options);
    return this.arrive(place, { isAnew });
  }

  /**
   * The browser went to this place, back or on: a dialog of the one before goes with it, once the person says that what was written in it may; one
   * that is saving that stays. To compare is a place itself, and who has to sign in has to at each.
   */
  async comeBack(place) {
    if (isWritten()) {
      putInAddress(this.#placeOfJob()); // where the person is until then
      return (await leftWritten()) ? this.go(place) : undefined;
    }
    leaveQuestions();
    /** @type {NodeListOf<HTMLDialogElement>} */
    const open = document.querySelectorAll('dialog[open]:not(#compare, #token)');
    for (const dialog of open) dialog.close();
    return this.arrive(place, { isBack: true });
  }

  /** The address names this place, which the first `begin` asks for. `isAnew`: the job is asked for again, also where it is shown; `isBack`: by the browser. */
  async arrive(named, { isAnew = false, isBack = false } = {}) {
    clearTimeout(this.#timer);
    const place = openPlace(named);
    if (place !== named) putInAddress(place, { replace: true });
    const bringKeyboard = keepKeyboard();
    this.#pages.show(place);
    if (!this.#isKnownWho) {
      bringKeyboard({ isBack });
      await this.#first.promise;
      return;
    }
    if (place.page === 'job') {
      this.#home.show(null);
      bringKeyboard({ isBack });
      await this.#arriveAtJob(place, isAnew);
    } else {
      this.#arriving = null;
      if (this.#job.shown.jobId !== null) this.#does.leave();
      this.#home.show(place);
      bringKeyboard({ isBack });
    }
    this.#does.redraw();
  }

  async #arriveAtJob(place, isAnew) {
    const arriving = { place, isChosen: false, hasMoved: false };
    this.#arriving = arriving;
    if (isAnew || place.job !== this.#job.shown.jobId || this.#job.shown.isMissed) await this.#does.open(place.job);
    if (this.#arriving !== arriving) return; // the person has gone on
    if (place.run === null) this.#runs.leavePast();
    else await this.#runs.showLinked(place);
    if (this.#arriving !== arriving) return;
    if (!arriving.isChosen && this.#isToBeShown(place.node)) this.#does.showNode(place.node);
    this.#arriving = null;
    if (arriving.isChosen || arriving.hasMoved) this.note();
  }

  #isToBeShown(nodeId) {
    return nodeId !== null && this.#job.shown.selected !== nodeId && this.#lookedAt.view.graph.nodes.some(({ id }) => id === nodeId);
  }

  /** A person chose a node: on the way to a place, this counts, not the node of the address. */
  chosen() {
    if (this.#arriving !== null) this.#arriving.isChosen = true;
  }

  /** Another moment of a past run is shown, or a comparison was closed. */
  moved() {
    if (this.#arriving !== null) this.#arriving.hasMoved = true;
    this.note();
  }

  /** What is chosen on the page of a job comes into the address, once it rests. */
  note() {
    clearTimeout(this.#timer);
    if (this.#arriving !== null || this.#job.shown.jobId === null) return;
    this.#timer = setTimeout(() => putInAddress(this.#placeOfJob(), { replace: true }), ADDRESS_WAIT);
  }

  #placeOfJob() {
    const { jobId, selected } = this.#job.shown;
    return jobPlace(jobId, { ...this.#runs.place, node: selected });
  }
}

// Who is let in to one job alone has no other page.
function openPlace(place) {
  const { onlyJob } = currentRights();
  return onlyJob === null || place.job === onlyJob && place.page === 'job' ? place : jobPlace(onlyJob);
}
