/** What is asked for again before it is done is asked for once: a button that is pressed twice has one answer. `work(...)` resolves when it is done, to what a press gets; one meanwhile gets nothing. */
export function oneAtATime(work) {
  let isBusy = false;
  return async (...given) => {
    if (isBusy) return undefined;
    isBusy = true;
    try {
      return await work(...given);
    } finally {
      isBusy = false;
    }
  };
}
