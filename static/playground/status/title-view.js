/**
 * The title of the page and of its tab, with the tab's icon. Test hooks: `#job-name`, `#job-edit`, `#job-notify`.
 */

import { byId, setAttribute, setHidden, setText } from '../parts/dom.js';
import { RUN_WORDS } from '../parts/texts/text.js';
import { showInTab } from './favicon.js';

export class TitleView {
  /** Of a job: `name`; `isOurs`: it is stored here; `isEdited`: it is in the editor; `isWanted`: its end is told; `run` that is live, or null; `staleWord`: why it is old, or null. */
  drawJob({ name, isOurs, isEdited, isWanted, run, staleWord }) {
    setText(byId('job-name'), name || ' ');
    setHidden(byId('job-edit'), !isEdited);
    setHidden(byId('job-notify'), !isOurs);
    setAttribute(byId('job-notify'), 'aria-pressed', String(isWanted));
    showInTab(staleWord === null ? (run?.status ?? null) : 'offline');
    const state = staleWord ?? RUN_WORDS[run?.status];
    entitle(run === null || run.ended ? '' : state, name);
  }

  /** Of home and the runs of all jobs: `page` is its name, `running` the number of runs. */
  drawPage({ page, running, staleWord }) {
    showInTab(staleWord !== null ? 'offline' : running > 0 ? 'running' : null);
    entitle(staleWord ?? (running > 0 ? `${running} running` : ''), page);
  }
}

function entitle(state, name) {
  const title = [state, name, 'Playground'].filter((part) => part !== '').join(' · ');
  if (document.title !== title) document.title = title;
}
