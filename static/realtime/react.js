/** A hook for React 16.8 and later: what is now true of a job. */

// @ts-expect-error: the page that uses the hook brings React
import { useEffect, useState } from 'react';

import { WatchedJob } from './watched-job.js';

const NOTHING = Object.freeze({ run: null, nodes: Object.freeze([]), share: null, isStale: true, staleSince: null, problem: '', now: 0 });

/**
 * The view of a job of `service` (a JobRealtimeService), as WatchedJob gives it: {run, nodes, share, isStale, staleSince, problem, now}.
 * It renders at most once a frame. The service is the caller's, to share and to dispose of.
 */
export function useJob(service, jobId) {
  const [shown, setShown] = useState({ jobId, view: NOTHING });
  useEffect(() => {
    const watched = new WatchedJob(service, jobId, (view) => setShown({ jobId, view }));
    return () => watched.close();
  }, [service, jobId]);
  return shown.jobId === jobId ? shown.view : NOTHING;
}
