/** A job as a part of a page shows it: its run, its nodes, and what the connection says. */

import type { JobRealtimeService } from './job-realtime-service.js';
import type { NodeView, RunView } from './run-state.js';

/** How far something is, 0 to 1. */
export interface Share {
  readonly share: number;
  readonly approximate: boolean;
}

export interface JobView {
  readonly run: RunView | null;
  readonly nodes: readonly (NodeView & { readonly share: Share | null })[];
  /** Of the whole run, with the seconds that are left; null where it is not known. */
  readonly share: (Share & { readonly remaining: number | null }) | null;
  /** There is no connection, or the server has lost NATS: what is shown is of `staleSince` (epoch seconds), and `problem` says why. */
  readonly isStale: boolean;
  readonly staleSince: number | null;
  readonly problem: string;
  /** The moment that the view is of, in epoch seconds. */
  readonly now: number;
}

export class WatchedJob {
  /** Subscribes, and calls `onChange` at most once a frame. */
  constructor(service: JobRealtimeService, jobId: number, onChange: (view: JobView) => void);
  view(): JobView;
  /** Unsubscribes, unless another WatchedJob of the service has the same job. */
  close(): void;
}
