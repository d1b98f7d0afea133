/** <job-progress job="42">: a job's run and its nodes, live, in any page. Importing it defines the element. */

import type { JobRealtimeService, StatusEvent } from './job-realtime-service.js';

/** The detail of the event `run-changed`. */
export interface RunChanged {
  readonly jobId: number;
  readonly runId: string | null;
  readonly status: StatusEvent['status'];
  readonly reason: string | null;
}

export class JobProgress extends HTMLElement {
  /**
   * A JWT, or how to get the current one: a function that is made once for each user, as another one makes another connection.
   * null, as of who signs out, is ''.
   */
  get token(): string | (() => string | Promise<string>);
  set token(token: string | (() => string | Promise<string>) | null | undefined);
  /** A service that the page has already; null: one of the element's server, shared with other elements. */
  service: JobRealtimeService | null;
  /** The number in the attribute `job`; null where it is none. */
  readonly jobId: number | null;
}

declare global {
  interface HTMLElementTagNameMap {
    'job-progress': JobProgress;
  }
  /** Of each element, the document and the window: it bubbles. */
  interface GlobalEventHandlersEventMap {
    'run-changed': CustomEvent<RunChanged>;
  }
}
