/**
 * A list of which the server tells pages, and which is read anew from its beginning while somebody looks at it. Pure.
 *
 * {entries, next, first, pages}: `next` is where the page after them begins, or null; `first`: the keys of the first page as it was read last, null
 * before that; `pages`: how many were read.
 */

export const NOT_READ = Object.freeze({ entries: [], next: null, first: null, pages: 0 });

/**
 * With its first page, {entries, next}, as it is now. Of further pages what was read stays, unless so much is new that some of it lies
 * between the first page and the others. `keyOf(entry)`; `isBehind(entry, last)`: whether an entry stands after the last one of the page.
 */
export function withFirstPage(list, { entries, next }, { keyOf, isBehind }) {
  const first = new Set(entries.map(keyOf));
  const isWhole = list.pages < 2 || next === null || entries.every((entry) => !list.first.has(keyOf(entry)));
  if (isWhole) return { entries, next, first, pages: next === null ? Math.max(list.pages, 1) : 1 }; // of a list that ends here no further page is asked for
  const behind = list.entries.filter((entry) => !first.has(keyOf(entry)) && isBehind(entry, entries.at(-1)));
  return { ...list, entries: [...entries, ...behind], first };
}

/** With the page that begins at its `next`. */
export function withNextPage(list, { entries, next }) {
  return { ...list, entries: [...list.entries, ...entries], next, pages: list.pages + 1 };
}

/** How lists of runs, newest first, are read anew. */
export const RUNS_ANEW = { keyOf: ({ runId }) => runId, isBehind: ({ createdAt }, last) => createdAt <= last.createdAt };
