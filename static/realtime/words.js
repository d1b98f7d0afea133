/** States, counts and durations as a person reads them. Pure. */

const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export const NODE_WORDS = {
  idle: 'Idle',
  running: 'Running',
  stalled: 'Stalled',
  success: 'Success',
  error: 'Error',
  stopped: 'Stopped',
  cancelled: 'Cancelled',
  notrun: 'Not run',
};

export const RUN_WORDS = {
  queued: 'Queued',
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  lost: 'Lost',
};

/** 1234567 → "1,234,567" */
export function formatCount(count) {
  return counts.format(count);
}

export function unitOf(count) {
  return count === 1 ? 'row' : 'rows';
}

/** Seconds as "0.4 s", "12 s", "3:05" or "1:02:03"; `fine` adds the tenth that a finished run deserves. */
export function formatDuration(seconds, fine = false) {
  const known = Math.max(0, seconds);
  if (known < 60) return fine ? `${known.toFixed(known < 1 ? 2 : 1)} s` : `${Math.floor(known)} s`;
  const whole = Math.floor(known);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
