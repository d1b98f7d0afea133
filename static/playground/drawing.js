/**
 * Draws what is looked at, and only draws: it changes nothing of what it draws. Called at most once a frame. Two parts ask the server
 * for what they find missing while they are drawn: Home for its lists once they are due, kept outputs for the record of the run shown.
 */

import { runShare } from '../realtime/estimate.js';
import { holding, holdsText } from './graph/holding.js';
import { edgeKey } from './model/ports.js';
import { setAttribute } from './parts/dom.js';
import { ratesOf } from './run/node/throughput.js';
import { currentRights, knownCredential } from './session/session.js';
import { TitleView } from './status/title-view.js';

export class Drawing {
  #parts;
  #title = new TitleView();

  /** `parts`: the views {graph, minimap, runView, details, connection, home, jobsView, pages}, and what they show of {api, service, editor, job, known, lookedAt, live, runs, overview, keptOutputs, failure, files, signIn, notifier}. */
  constructor(parts) {
    this.#parts = parts;
  }

  /** `seen`: see LookedAt.all. */
  draw(seen) {
    const { live, runs } = this.#parts;
    const since = live.staleSince;
    setAttribute(document.documentElement, 'data-stale', String(since !== null));
    const holds = this.#drawGraph(seen, since);
    this.#drawRun(seen, since);
    this.#drawDetails(seen, holds);
    runs.draw({ ...seen, isOffline: since !== null });
    this.#drawConnection();
    this.#drawLists(seen, since);
    this.#drawTitle(seen.liveRun);
  }

  // Returns which nodes hold the others.
  #drawGraph({ state, graph, now, nodes, isPast }, since) {
    const { graph: view, minimap, job, lookedAt } = this.#parts;
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const viewOf = (id) => byId.get(id) ?? lookedAt.strangerOf(id, { state, isPast });
    view.draw(viewOf, job.shown.selected, since);
    const holds = since === null ? holding(graph, viewOf, now) : new Map();
    view.drawHolding(holds);
    minimap.drawStates((id) => byId.get(id)?.state ?? 'idle');
    return holds;
  }

  #drawRun({ graph, now, isPast, run, ofRun, runNodes, record }, since) {
    const { runView, keptOutputs, runs, job, live } = this.#parts;
    const { job: ours, asked, pending, cancelled, place, waitReason } = job.shown;
    const isForeign = asked && ours === null; // the server does not know its run, and cannot end it
    const isCancelling = run !== null && !run.ended && run.runId !== null && cancelled === run.runId;
    runView.draw(run, runNodes, {
      now,
      canExecute: ours !== null && currentRights().canExecute,
      canCancel: !isForeign && currentRights().canCancel,
      pending: isCancelling ? 'cancel' : pending,
      share: isPast ? null : runShare(run, runNodes, runs.expected, now),
      place,
      waitReason,
      isPast,
      since,
      staleWord: live.staleWord,
      noRun: this.#whyNoRun(since),
      isWhole: isPast || ours !== null,
      isOfOther: ofRun !== graph && differ(ofRun, graph),
      record,
    });
    keptOutputs.drawRun(run, ofRun);
  }

  #whyNoRun(since) {
    const { service, job } = this.#parts;
    const { asked, askedForRuns, job: ours } = job.shown;
    if (since !== null && service.state !== 'connected') return 'Not known while offline';
    if (asked && ours === null) return 'Nothing heard of it yet';
    return askedForRuns ? 'Not run yet' : '';
  }

  #drawDetails({ graph, now, isPast, run, nodes, ofRun, record }, holds) {
    const { details, keptOutputs, failure, runs, files, job, lookedAt } = this.#parts;
    const node = nodes.find(({ nodeId }) => nodeId === job.shown.selected);
    if (node === undefined) return;
    keptOutputs.drawNode(node, { run, graph, canRun: lookedAt.canRun });
    failure.draw(node, { record, ofRun, canRun: lookedAt.canRun, isPast });
    const samples = isPast ? runs.samplesOf(node.nodeId) : job.shown.throughput.of(node.nodeId, run?.runId ?? null);
    const held = holds.get(node.nodeId) ?? null;
    details.draw(node, now, {
      trace: node.state === 'error' ? runs.traceOf(run) : null,
      rates: ratesOf(samples, node.endedAt ?? now),
      holds: held === null ? '' : holdsText(held),
      written: files.writtenBy(node, run, graph),
    });
  }

  #drawConnection() {
    const { signIn, service, connection, job, api, live } = this.#parts;
    signIn.draw();
    const { state, reason, transport, detour, isLooking, serverState } = service;
    connection.draw(state, reason, {
      detour,
      isLooking,
      isDeaf: transport === 'http' && job.shown.asked && job.shown.job === null,
      hasNews: serverState.nats === 'ok',
      isOut: signIn.isOut,
      token: knownCredential(),
      now: api.now(),
      since: live.lostAt,
    });
  }

  #drawLists({ liveRun }, since) {
    const { home, jobsView, service, job, overview, api, live } = this.#parts;
    home.draw({ now: live.now, clock: live.clock, since, staleWord: live.staleWord, isDeaf: service.transport === 'http' });
    jobsView.draw({ jobId: job.shown.jobId, run: liveRun?.told ? liveRun : null }, overview.heardRuns(), api.now());
  }

  #drawTitle(run) {
    const { pages, overview, job, known, notifier, live, editor } = this.#parts;
    const staleWord = live.staleSince === null ? null : live.staleWord;
    if (pages.shown !== 'job') return this.#title.drawPage({ page: pages.shown === 'home' ? 'Home' : 'Runs', running: overview.running().length, staleWord });
    const { job: ours, jobId } = job.shown;
    const name = ours?.name ?? known.nameOf(jobId) ?? (jobId === null ? '' : `Job ${jobId}`);
    return this.#title.drawJob({ name, isOurs: ours !== null, isEdited: editor.isOpen, isWanted: notifier.isWanted(jobId), run, staleWord });
  }
}

// Whether two graphs compute something else: names and places do not matter.
function differ(one, other) {
  const told = ({ nodes, edges }) =>
    JSON.stringify([
      nodes.map(({ id, type, config }) => [id, type, config]).sort(([a], [b]) => a - b),
      edges.map(({ from, to, fromPort, toPort }) => edgeKey({ from, to, fromPort: fromPort ?? '', toPort: toPort ?? '' })).sort(),
    ]);
  return told(one) !== told(other);
}
