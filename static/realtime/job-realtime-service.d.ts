/** Progress of jobs over one WebSocket that heals itself. See docs/front-ends.md, and job-realtime-service.js for the promises. */

export type ConnectionState = 'disconnected' | 'connecting' | 'connected';

/** The row at which a node failed: its place among those that came in, and what the node looked up in it. */
export interface RowAtFault {
  readonly number: number;
  readonly values: Readonly<Record<string, string>>;
  /** Where its source has it, or ''. */
  readonly place: string;
  /** The whole row, column by column, cut where it is long; null is NULL. Empty where the program did not tell it. */
  readonly cells: readonly (readonly [string, string | null])[];
  /** How many columns it has beside those. */
  readonly more: number;
}

/** What of its configuration a node failed by, as far as its program told it. */
export interface Fault {
  readonly field: string | null;
  /** The expression in it. */
  readonly text: string | null;
  readonly columns: readonly string[];
}

export interface ProgressEvent {
  readonly jobId: number;
  readonly nodeId: number;
  readonly nodeName: string;
  readonly status: 'running' | 'completed' | 'failed';
  readonly rowCount: number;
  readonly message: string;
  /** How many rows there will be; this and all below are null when the publisher did not send them. */
  readonly rowTotal: number | null;
  /** Which part of the work is done, 0 to 1. */
  readonly share: number | null;
  /** Rows by output, of a node with several. */
  readonly ports: Readonly<Record<string, number>> | null;
  readonly runId: string | null;
  readonly seq: number | null;
  /** Seconds since the epoch, by the publisher's clock. */
  readonly ts: number | null;
  readonly row: RowAtFault | null;
  readonly fault: Fault | null;
  /** 'runner': the program had ended, and had not told the node's end itself. */
  readonly closedBy: string | null;
  /** The run whose rows these are: in a run that begins at a node, the nodes before it do not run again. */
  readonly fromRun: string | null;
}

export interface StatusEvent {
  readonly jobId: number;
  readonly runId: string | null;
  readonly status: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'lost';
  readonly reason: string | null;
  readonly ts: number | null;
  /** Of a run that repeats this message as long as it lives: at least each so many seconds; and when it said so. */
  readonly aliveEvery: number | null;
  readonly aliveAt: number | null;
}

/** When the first and the last word came of a run that no status tells of; seconds since the epoch. */
export interface SeenEvent {
  readonly jobId: number;
  readonly runId: string | null;
  readonly began: number;
  readonly heard: number;
}

/** A job in short: the last word on its run, and when the job was heard last; seconds since the epoch. */
export interface BriefEvent {
  readonly jobId: number;
  readonly status: StatusEvent | null;
  readonly heard: number;
  /** That word is of a run which no status tells of. */
  readonly untold: boolean;
}

/** Whether NATS reaches the server, and since when: away, it hears of no news. */
export interface ServerState {
  readonly nats: 'ok' | 'away';
  readonly since: number | null;
}

export interface ServiceError {
  readonly code: string;
  readonly message: string;
  /** Of a subscription that the server refused: its job. */
  readonly jobId?: number | null;
  /** True: the service does not reconnect by itself any more. */
  readonly final: boolean;
}

export interface DisconnectReason extends ServiceError {
  /** When the next attempt is made, in Date.now() milliseconds; null when none is. */
  readonly retryAt: number | null;
}

/** What GET /api/session says of a session, whose cookie the browser itself sends: for pages of the server alone. */
export interface Session {
  readonly ticket: string | null;
  /** Seconds since the epoch; null where not known. */
  readonly expiresAt: number | null;
  readonly endsAt: number | null;
}

export type Credential = string | Session;

export interface JobRealtimeServiceOptions {
  /** The address of the server's /ws: ws://…, wss://…, the same as http://… or https://…, or relative to the page. */
  url: string;
  /** The JWT, or how to get the current one; asked again before every attempt, and after a wait where that rejects or takes longer than 10 s. */
  token: string | (() => Credential | Promise<Credential>);
  /**
   * An address that answers 401 or 403 to a bad token (default: /api/session of the same server); null: never ask. Then this machine's
   * clock says whether a token has expired, as long as no connection has opened; after that a refused token is tried again and again.
   */
  tokenCheckUrl?: string | null;
  /** An address that answers 503 or 429 while there is no room for one more WebSocket (default: /api/room of the same server); null: never ask. */
  roomUrl?: string | null;
  /** Milliseconds of silence after which the connection is asked whether it lives (30 000), and for the answer (5 000). */
  askAfter?: number;
  answerWait?: number;
  /** Draws from [0, 1), for tests. */
  random?: () => number;
}

export type Unsubscribe = () => void;

export class JobRealtimeService {
  constructor(options: JobRealtimeServiceOptions);
  readonly state: ConnectionState;
  readonly reason: DisconnectReason | null;
  /** 'http' where WebSockets are blocked, or there is no room for one: server-sent events of each job's newest run. */
  readonly transport: 'websocket' | 'http';
  readonly detour: 'blocked' | 'full' | null;
  /** Over HTTP: the server has no stream to spare, and the run's record is asked for from time to time. */
  readonly isLooking: boolean;
  readonly serverState: ServerState;
  /** Grows when a connection is opened after one that did not take a newer token: what was heard before may be of another tenant's jobs. */
  readonly audience: number;
  subscribeToJob(jobId: number): Promise<void>;
  unsubscribeFromJob(jobId: number): void;
  /** All jobs of the tenant in short, as `onBrief` tells. */
  subscribeToAllJobs(): Promise<void>;
  unsubscribeFromAllJobs(): void;
  reconnect(): void;
  /** Hands a newer token to the server on this connection. Done by itself before a token expires. */
  renewToken(): Promise<void>;
  disconnect(): void;
  dispose(): void;
  onState(listener: (state: ConnectionState, reason: DisconnectReason | null) => void): Unsubscribe;
  onProgress(listener: (event: ProgressEvent) => void): Unsubscribe;
  onStatus(listener: (event: StatusEvent) => void): Unsubscribe;
  onSeen(listener: (event: SeenEvent) => void): Unsubscribe;
  onBrief(listener: (event: BriefEvent) => void): Unsubscribe;
  onServer(listener: (state: ServerState) => void): Unsubscribe;
  onError(listener: (error: ServiceError) => void): Unsubscribe;
}

/** When a JWT ends, in Date.now() milliseconds; null for what cannot be read. */
export function expiryOf(token: Credential): number | null;

/** Whether a JWT says that it has expired. */
export function isExpired(token: Credential, now?: number): boolean;
