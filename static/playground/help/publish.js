/** What a person copies to have a program of their own seen here. Pure. */

/** Numbers of which the first is taken that no job here has. */
const NUMBERS = [42, 4_242, 424_242];

/** A number for a program's job. */
export function freeNumber(jobs) {
  const taken = new Set(jobs.map(({ id }) => id));
  return NUMBERS.find((number) => !taken.has(number)) ?? Math.max(...taken) + 1;
}

/**
 * The shell commands that tell a program where to report. `nats`: host and port of the server's own NATS, '' where it uses that of
 * somebody else, whose address and password are not for this page; `prefix`: NATS_PREFIX, or ''; `tenant`: '' or the default one need not be said.
 */
export function settingsText({ jobId, nats, prefix, tenant }) {
  const url = nats === ''
    ? '"nats://user:password@host:4222"  # as NATS_URL of this server'
    : `"nats://progress:$(cat "\${DATA_DIR:-var}/nats_password")@${nats}"`;
  const lines = [`export NATS_URL=${url}`, `export JOB_ID=${jobId}`];
  if (prefix !== '') lines.push(`export NATS_PREFIX=${prefix}`);
  if (!['', 'default'].includes(tenant)) lines.push(`export TENANT_ID='${tenant}'`);
  return lines.join('\n');
}

/** The program itself. */
export const PROGRAM = `from progress_lib import track

for row in track(range(1000), node_name="Load"):
    pass  # your work on the row`;
