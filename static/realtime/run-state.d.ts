/** What is now true of a job, worked out from the messages about it; repeats, stragglers and reconnects are harmless. */

import type { Fault, ProgressEvent, RowAtFault, SeenEvent, StatusEvent } from './job-realtime-service.js';

/** `stopped`: by the failure of another node; `cancelled`: by a person. */
export type NodeState = 'idle' | 'running' | 'stalled' | 'success' | 'error' | 'stopped' | 'cancelled' | 'notrun';

export interface NodeView {
  readonly nodeId: number;
  readonly nodeName: string;
  readonly state: NodeState;
  readonly rowCount: number;
  readonly rowTotal: number | null;
  /** Which part of its work is done, 0 to 1, where the publisher said so. */
  readonly toldShare: number | null;
  /** Rows by output, of a node with several. */
  readonly ports: Readonly<Record<string, number>> | null;
  /** The run whose rows these are, where the node did not run again. */
  readonly fromRun: string | null;
  readonly message: string;
  /** The row at which it failed, where its program told it. */
  readonly row: RowAtFault | null;
  /** What of its configuration it failed by, where its program told it. */
  readonly fault: Fault | null;
  /** Rows a second, while it runs. */
  readonly rate: number | null;
  /** Times in seconds since the epoch. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Seconds without a word, of a stalled node. */
  readonly silentFor: number | null;
  readonly heard: boolean;
}

export interface RunView {
  readonly runId: string | null;
  readonly status: StatusEvent['status'];
  readonly reason: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly ended: boolean;
  /** Somebody answers for the run and will tell its end; false when only its nodes are heard. */
  readonly told: boolean;
  /** Of a run that said it would speak, and did not: `status` is lost until it speaks again. Seconds since the epoch. */
  readonly silentSince: number | null;
}

/** What the server keeps of a run: `GET /api/runs/<id>`, its nodes as events. Times in seconds since the epoch. */
export interface RunRecord {
  readonly runId: string;
  readonly status: StatusEvent['status'];
  readonly reason: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly nodes: readonly ProgressEvent[];
}

export class JobState {
  constructor(nodeIds?: number[]);
  /** Take an event in; `now` in seconds since the epoch. True when something changed. */
  progress(event: ProgressEvent, now: number): boolean;
  status(event: StatusEvent, now: number): boolean;
  /** Take in when a run began that no status tells of. True when something changed. */
  seen(event: SeenEvent, now: number): boolean;
  /** Fill in what no message told from the record of a run. True when it is of the run shown. */
  record(record: RunRecord, now: number): boolean;
  /** When nodes began, from the run's history: epoch seconds by node id. True when it is of the run shown. */
  began(runId: string, times: Map<number, number>): boolean;
  /** Call it when the service becomes connected: a snapshot follows. */
  expectSnapshot(): void;
  /** Messages can be heard again: silence of before says nothing of a node. */
  listenAgain(now: number): void;
  expectNodes(nodeIds: number[]): void;
  /**
   * With `now`, a run that no status tells of has ended once its nodes have and nobody spoke for 10 s, and one that broke its
   * word to speak at least each `aliveEvery` seconds is lost, until it speaks again.
   */
  run(now?: number | null): RunView | null;
  /** With `now`, a running node that was silent for 15 s is stalled. */
  node(nodeId: number, now?: number | null): NodeView;
  nodeIds(): number[];
  /** Whether a run was followed by another one: what is said of it changes nothing any more. */
  isPast(runId: string): boolean;
}
