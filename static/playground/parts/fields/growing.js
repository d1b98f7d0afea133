/** Fields as high as their text, also in a browser without CSS's field-sizing (as Safari 26.0). */

const GROWS = CSS.supports('field-sizing', 'content');

/** Keeps a textarea, whose style has `field-sizing: content`, as high as its text. To be called after the page has changed that: what this gives. */
export function growing(area) {
  if (GROWS) return () => undefined;
  const grow = () => {
    area.style.height = 'auto';
    if (area.scrollHeight > 0) area.style.height = `${area.scrollHeight + 2}px`;
  };
  area.addEventListener('input', grow);
  growWithWidth(area, grow);
  return grow;
}

// It has none until it is shown, and another one breaks its lines elsewhere. (The height may be what its user has pulled it to.)
function growWithWidth(area, grow) {
  let before = 0;
  const sizes = new ResizeObserver(() => {
    const { clientWidth } = area;
    if (clientWidth === before) return;
    before = clientWidth;
    requestAnimationFrame(grow); // a new size at once would be told as an error, "ResizeObserver loop"
  });
  sizes.observe(area);
}
