/** A bar that says how far a run is, also to who cannot see it. */

import { formatShare } from '../../realtime/estimate.js';
import { setAttribute } from './dom.js';

/** `share`: {share, approximate} of the run; null where how far it is is not known. */
export function drawProgress(track, share) {
  setAttribute(track, 'data-known', String(share !== null));
  setAttribute(track, 'aria-valuetext', share === null ? 'Running; how far is not known' : formatShare(share));
  if (share === null) return track.removeAttribute('aria-valuenow');
  track.style.setProperty('--share', share.share.toFixed(3));
  return setAttribute(track, 'aria-valuenow', String(Math.floor(share.share * 100)));
}
