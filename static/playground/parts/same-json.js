/** Values of JSON, compared. Pure. */

/** Whether two values of JSON are the same: a setting that is null is one that is missing; the order of an object's members does not matter. */
export function isSame(one, other) {
  return canonical(one ?? null) === canonical(other ?? null);
}

function canonical(value) {
  const sorted = (
    _,
    part,
  ) => (part !== null && typeof part === 'object' && !Array.isArray(part)
    ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
    : part);
  return JSON.stringify(value, sorted);
}
