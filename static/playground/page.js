/**
 * What a part of the Playground may ask of the page around it. One object for all of them, so that what a part can ask for is said once.
 * What a part tells the page is in its own `on…`.
 *
 * @typedef {object} Page
 * @property {(work: () => Promise<unknown>, options?: { quiet?: boolean, of?: object }) => Promise<boolean>} attempt  True when it went well.
 *   Otherwise the person was told where that belongs, unless `quiet`. `of`: see Attempts.
 * @property {(text: string, tone?: 'plain' | 'error', action?: { label: string, run: () => void } | null, cause?: 'connection' | 'graph' | 'draft' | 'token' | null) => void} say
 *   A notice on the page; what the connection caused goes with its return, what the graph's errors did with the last of them, what is about the draft or the token with that.
 * @property {(cause?: 'graph' | 'draft') => void} clearNotice  With a cause: only what that caused.
 * @property {(text: string) => void} announce  Read out, not shown.
 * @property {() => void} redraw  Something changed that is drawn: once in the next frame.
 * @property {(place: object, options?: { replace?: boolean, isAnew?: boolean }) => Promise<void>} go  A place as address.js has it.
 * @property {() => number | null} jobId  Of the job at hand.
 * @property {() => number | null} selected  Id of the node whose details are open.
 * @property {(nodeId: number) => void} select  As a click on it does.
 * @property {() => { id: number, name: string }[]} jobs  As they were listed last.
 * @property {(jobId: number) => Promise<{ shown: Promise<void> }>} turnToJob  Its page is there; `shown`: so is what it shows. Anew, also where it is at hand.
 * @property {() => void} editAsJson  The job at hand.
 * @property {() => void} find
 * @property {(path: string, isWriting: boolean) => Promise<string | null>} browse  A path of the data roots.
 * @property {{ show(): void, hide(): void, readonly isShown: boolean }} dock  Of the preview.
 */

export {};
