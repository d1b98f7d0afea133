/**
 * Whether something is being pressed. What moves from under the pointer meanwhile gets no click: what goes with the focus, and has others move,
 * waits until the press is over.
 */

/** Milliseconds after which a finger that has come up clicks nothing any more. */
const TAP = 400;

let isPressed = false;
let waiting = [];
let timer = null;

/** From now on it is known. Call it once. */
export function watchPresses() {
  const on = (name, listener) => addEventListener(name, listener, { capture: true });
  on('pointerdown', ({ button }) => {
    end(); // one before whose end nobody told, as on a scrollbar
    isPressed = button === 0; // another button clicks nothing, and its menu may take the pointer for good
  });
  on('pointerup', ({ pointerType }) => {
    clearTimeout(timer);
    timer = setTimeout(end, pointerType === 'mouse' ? 0 : TAP);
  });
  for (const name of ['click', 'pointercancel']) on(name, end);
  on('keydown', ({ repeat }) => repeat || end()); // Shift, held since before the press, says nothing of it
}

/** Calls `then` once nothing is pressed: now, or right before a click is heard. */
export function afterPress(then) {
  if (isPressed) waiting.push(then);
  else then();
}

function end() {
  clearTimeout(timer);
  isPressed = false;
  const ready = waiting;
  waiting = [];
  for (const then of ready) then();
}
