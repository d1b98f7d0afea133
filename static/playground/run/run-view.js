/**
 * The run at hand: its status line, its reason, Execute and Cancel.
 *
 * Test hooks: `#run[data-status]` is none | queued | running | completed | failed | cancelled | lost;
 * `#run-status-text`, `#run-elapsed`, `#run-id` (full id in its title), `#run-reason-text`, `#execute`, `#cancel`,
 * `#run-stale`, `#run-graph`, `#run-share`, `#run-remaining`, `#run-place`, `#run-wait`, `#run-progress[data-known]`.
 */

import { formatShare } from '../../realtime/estimate.js';
import { byId, element, isPressable, putAway, setAttribute, setDisabled, setHidden, setIcon, setParts, setText } from '../parts/dom.js';
import { drawProgress } from '../parts/progress-bar.js';
import {
  asSentence,
  beginningOf,
  formatAttempt,
  formatClock,
  formatDuration,
  formatMoment,
  formatRemaining,
  formatValues,
  RUN_ICONS,
  RUN_WORDS,
  shortRun,
} from '../parts/texts/text.js';

export class RunView {
  #line = byId('run');
  #icon = this.#line.querySelector('.icon');
  #execute = byId('execute');
  #cancel = byId('cancel');
  #progress = byId('run-progress');
  #failedNodeId = null;

  constructor({ onExecute, onCancel, onShowNode }) {
    this.#execute.addEventListener('click', () => isPressable(this.#execute) && onExecute());
    this.#cancel.addEventListener('click', () => isPressable(this.#cancel) && onCancel());
    byId('run-reason-show').addEventListener('click', () => onShowNode(this.#failedNodeId));
  }

  /**
   * `run`: JobState.run(); `nodes`: the views of the nodes that the run's graph has; `canExecute`, `canCancel`: what the buttons may do; `pending`: what they are doing;
   * `share`: how far the run is, or null; `place`: runs before it in the queue; `waitReason`: why no runner may take it; `isPast`: it is only looked at;
   * `since`: a Date, nothing was heard after it, and `staleWord` why; or null. `noRun`: what to say where there is no run; `isOfOther`: the
   * graph that is shown is another one than the run's; `isWhole`: `nodes` are all that the run has, and not only those
   * that were heard of. `record`: what the server has of the run, {parameters, attempt, attempts, dueAt}; null until it is known.
   */
  draw(run, nodes, { now, canExecute, canCancel, pending, share, place, waitReason, isPast, since, staleWord, noRun, isWhole, isOfOther, record }) {
    this.#drawStatus(run, nodes, { now, noRun, isPast, isWhole });
    const values = formatValues(record?.parameters);
    fact('values', values || null);
    setAttribute(byId('run-values'), 'title', values);
    fact('attempt', record === null ? null : formatAttempt(record, { isWaiting: run?.status === 'queued', now }));
    fact('graph', isOfOther ? 'The graph was changed since' : null);
    this.#drawReason(run, nodes);
    this.#drawProgress(run, share, isPast, since);
    fact('stale', since === null || run === null ? null : `${staleWord}: as of ${formatClock(since)}`);
    const waits = run?.status === 'queued' && !isPast;
    fact('place', waits && waitReason === null && place !== null ? placeText(place) : null);
    fact('wait', waits && waitReason !== null ? asSentence(waitReason) : null);
    const live = run !== null && !run.ended && run.told && !isPast;
    setDisabled(this.#execute, !canExecute || live || pending !== null);
    setText(this.#execute.querySelector('span'), isPast ? 'Run as it is now' : run?.ended && run.runId !== null ? 'Run again' : 'Execute');
    putAway(this.#cancel, !live || !canCancel);
    setDisabled(this.#cancel, pending !== null);
    setText(this.#cancel.querySelector('span'), pending === 'cancel' ? 'Cancelling…' : 'Cancel');
  }

  #drawProgress(run, share, isPast, since) {
    const live = run?.status === 'running' && !isPast;
    setHidden(this.#progress, !live);
    fact('share', share === null ? null : formatShare(share));
    fact('remaining', share === null || since !== null ? null : formatRemaining(share));
    if (live) drawProgress(this.#progress, share);
  }

  #drawStatus(run, nodes, { now, noRun, isPast, isWhole }) {
    const status = run === null ? 'none' : run.status;
    setAttribute(this.#line, 'data-status', status);
    setIcon(this.#icon, RUN_ICONS[status]);
    setText(byId('run-status-text'), run === null ? noRun : statusText(run, isPast));
    fact('elapsed', run === null ? null : elapsedText(run, now));
    fact('nodes', run === null || nodes.length === 0 ? null : tally(nodes, isWhole));
    fact('started', run?.startedAt == null ? null : formatMoment(run.startedAt));
    fact('id', run?.runId == null ? null : shortRun(run.runId));
    setAttribute(byId('run-id'), 'title', run?.runId ?? '');
  }

  #drawReason(run, nodes) {
    const reason = run !== null && run.ended && run.reason !== run.status ? run.reason : null;
    setHidden(byId('run-reason'), reason === null || run.status === 'completed');
    if (reason === null) return;
    const failed = nodes.find((node) => node.state === 'error');
    this.#failedNodeId = failed?.nodeId ?? null;
    const short = failed !== undefined && failed.message !== ''; // the node has it in full
    byId('run-reason').dataset.short = String(short);
    if (run.silentSince === null && short) drawMessage(byId('run-reason-text'), failed);
    else setText(byId('run-reason-text'), run.silentSince !== null ? silenceText(run) : reason);
    setHidden(byId('run-reason-show'), failed === undefined);
    setText(byId('run-reason-show'), failed === undefined ? '' : `Show ${failed.nodeName}`);
  }
}

// However long the name is, it leaves room for the message.
function drawMessage(part, { nodeName, message }) {
  const text = beginningOf(`: ${message}`);
  setParts(part, `${nodeName}${text}`, () => [element('span', 'reason-name', nodeName), text]);
}

function statusText({ status, runId, ended }, isPast) {
  if (isPast && !ended) return `Was ${RUN_WORDS[status].toLowerCase()} then`;
  return status === 'running' && runId === null ? 'Running (started elsewhere)' : RUN_WORDS[status];
}

function silenceText({ silentSince }) {
  return `No word since ${formatMoment(silentSince)}: its program was killed, or is cut off. Should it speak again, it is shown again.`;
}

function elapsedText({ startedAt, endedAt, ended }, now) {
  if (startedAt === null) return null;
  if (!ended) return formatDuration(now - startedAt);
  return endedAt === null ? null : formatDuration(endedAt - startedAt, true);
}

function placeText(place) {
  if (place === 0) return 'next';
  return place === 1 ? '1 run before it' : `${place} runs before it`;
}

function tally(nodes, isWhole) {
  const done = nodes.filter((node) => node.state === 'success').length;
  return isWhole ? `${done} of ${nodes.length} done` : `${done} done`;
}

function fact(name, text) {
  setHidden(byId(`run-${name}-fact`), text === null);
  setText(byId(`run-${name}`), text ?? '');
}
