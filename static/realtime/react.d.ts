/** A hook for React 16.8 and later. */

import type { JobRealtimeService } from './job-realtime-service.js';
import type { JobView } from './watched-job.js';

/** What is now true of a job; renders at most once a frame. */
export function useJob(service: JobRealtimeService, jobId: number): JobView;
