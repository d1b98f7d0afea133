/**
 * What the page reads out, in its one live region. Owns what was told last, so that changes of state are told, and counts are not.
 * Test hook: `#announcer`.
 */

import { byId, closest } from '../parts/dom.js';
import { beginningOf, formatDuration, NODE_WORDS, RUN_WORDS } from '../parts/texts/text.js';

/** Nodes that are read out by their names at once; of more it is told how many. */
const MOST_NAMED = 5;

const LOST = { disconnected: 'Connection lost.', deaf: 'No news: the server has lost NATS.' };

export class Spoken {
  #told = { run: null, nodes: new Set() };
  #lost = null; // how the connection was told to be lost; null: it is there, or never was
  #wasThere = false;

  /** Changes of state are read out, counts are not. `connection`: connected | connecting | disconnected, or deaf: the server hears of no news; `jobName`: null where it is not known. */
  tell(run, nodes, { connection, jobName, onEnded }) {
    const before = this.#told;
    const troubled = nodes.filter(({ state }) => state === 'stalled' || state === 'error');
    const now = {
      run: run === null ? 'none' : `${run.runId} ${run.status}`,
      nodes: new Set(troubled.map(troubleOf)),
    };
    this.#told = now;
    const said = [];
    said.push(...this.#newsOf(connection));
    said.push(...spokenNodes(troubled.filter((node) => !before.nodes.has(troubleOf(node)))));
    if (now.run !== before.run && run?.ended && run.told && before.run === `${run.runId} running`) onEnded(run);
    if (now.run !== before.run && run !== null) said.push(spokenStatus(run, jobName));
    if (said.length > 0) this.say(said.join(' '));
  }

  // The first connection is no news, and each further try is none; that the server hears nothing is, from the first time on.
  #newsOf(connection) {
    if (connection === 'connected') {
      const isBack = this.#lost !== null;
      this.#lost = null;
      this.#wasThere = true;
      return isBack ? ['Connected.'] : [];
    }
    if (connection === 'deaf') this.#wasThere = true;
    if (!this.#wasThere || connection === 'connecting' || connection === this.#lost) return [];
    this.#lost = connection;
    return [LOST[connection]];
  }

  // The one live region of the page. While dialogs are open, all beside the one with the keyboard is inert, so it is there. What is said twice
  // is read twice: its text is a new one.
  say(text) {
    const region = byId('announcer');
    const place = closest(document.activeElement, 'dialog[open]') ?? document.querySelector('dialog[open]') ?? document.body;
    if (region.parentElement !== place) place.append(region);
    region.replaceChildren(text);
  }
}

function troubleOf({ nodeId, state }) {
  return `${nodeId} ${state}`;
}

function spokenNodes(nodes) {
  const named = nodes.slice(0, MOST_NAMED).map(({ nodeName, state }) => `${nodeName}: ${NODE_WORDS[state].toLowerCase()}.`);
  const more = nodes.length - named.length;
  return more === 0 ? named : [...named, `And ${more} more.`];
}

function spokenStatus({ status, startedAt, endedAt, reason }, jobName) {
  const took = startedAt !== null && endedAt !== null ? ` after ${formatDuration(endedAt - startedAt, endedAt - startedAt < 1)}` : '';
  const why = reason !== null && reason !== status && status !== 'completed' ? `: ${beginningOf(reason)}` : '';
  return `${jobName ?? 'Run'}: ${RUN_WORDS[status].toLowerCase()}${took}${why}`;
}
