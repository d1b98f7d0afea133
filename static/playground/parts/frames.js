/** Milliseconds between two drawings of a page that nobody looks at: its title still tells how the run is. */
const UNSEEN = 1_000;

/**
 * One drawing a frame, however many messages came: returns a function that asks for the next one. A page in the
 * background has no frames; it draws once a second.
 */
export function oncePerFrame(draw) {
  let asked = false;
  const run = () => {
    if (!asked) return; // it was drawn meanwhile
    asked = false;
    draw();
  };
  const runUnseen = () => document.hidden && run(); // once it is seen again, its frames draw
  const plan = () => (document.hidden ? setTimeout(runUnseen, UNSEEN) : requestAnimationFrame(run));
  document.addEventListener('visibilitychange', () => asked && plan());
  return () => {
    if (asked) return;
    asked = true;
    plan();
  };
}
