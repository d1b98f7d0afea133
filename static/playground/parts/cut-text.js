/** What is too long for its place, and ends with an ellipsis there, is told in whole where the pointer rests on it. Owns which text that is. */

/** Elements up from the one under the pointer: a name may have an icon or a mark in it. */
const NEAR = 3;

let told = null; // {element, title} that the pointer is on

export function tellCutText(root) {
  root.addEventListener('pointerover', ({ target, buttons }) => {
    if (told?.element.title === told?.title) told?.element.removeAttribute('title');
    told = null;
    const element = buttons === 0 ? cutAround(target) : null;
    if (element === null || element.closest('[title]') !== null) return;
    told = { element, title: element.textContent.trim() };
    element.title = told.title;
  });
}

function cutAround(target) {
  let element = target;
  for (let step = 0; step < NEAR && element instanceof HTMLElement; step += 1) {
    if (isCut(element)) return element;
    element = element.parentElement;
  }
  return null;
}

function isCut(element) {
  const { textOverflow, webkitLineClamp } = getComputedStyle(element);
  if (textOverflow === 'ellipsis' && element.scrollWidth > element.clientWidth) return true;
  return !['', 'none'].includes(webkitLineClamp) && element.scrollHeight > element.clientHeight;
}
