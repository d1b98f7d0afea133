/** A node's rows a second over the last minute, as a small chart that also says its numbers. Test hooks: `.chart[aria-label]`, `.chart-line[d]`. */

import { element, setAttribute, setHidden, setText, svgElement } from '../../parts/dom.js';
import { formatCompact, formatCount } from '../../parts/texts/text.js';
import { SHOWN } from './throughput.js';

/** Units of the drawing, which is stretched to the room there is. */
const HEIGHT = 40;

export class ChartView {
  #area = svgElement('path', 'chart-area');
  #line = svgElement('path', 'chart-line');
  #most = element('span', 'chart-most');
  #end = element('span', '');
  #box;

  constructor() {
    const drawing = svgElement('svg', 'chart-drawing');
    drawing.setAttribute('viewBox', `0 0 ${SHOWN} ${HEIGHT}`);
    drawing.setAttribute('preserveAspectRatio', 'none');
    drawing.append(this.#area, this.#line);
    const foot = element('span', 'chart-foot', element('span', '', `${SHOWN} s before`), this.#end);
    this.#box = element('div', 'chart', this.#most, drawing, foot);
    this.#box.setAttribute('role', 'img');
    this.#box.hidden = true;
  }

  get element() {
    return this.#box;
  }

  /** `rates`: rows a second, the oldest first, null where unknown; `end`: what the right side is, "now" or "its end". */
  draw(rates, end) {
    const known = rates.filter((rate) => rate !== null);
    setHidden(this.#box, known.length < 2);
    if (known.length < 2) return;
    const most = Math.max(...known);
    setText(this.#most, `${formatCompact(most)}/s at most`);
    setText(this.#end, end);
    setAttribute(this.#line, 'd', linePath(rates, most));
    setAttribute(this.#area, 'd', areaPath(rates, most));
    const last = rates.at(-1);
    const ended = last === null ? '' : ` ${formatCount(last)} ${end === 'now' ? 'now' : `at ${end}`},`;
    setAttribute(
      this.#box,
      'aria-label',
      `Rows a second over ${known.length} seconds:${ended} ${formatCount(most)} at most, ${formatCount(Math.min(...known))} at least`,
    );
  }
}

// Pieces of line between what is not known.
function pieces(rates, most) {
  const found = [];
  rates.forEach((rate, second) => {
    if (rate === null) return;
    const point = { x: second + 0.5, y: most === 0 ? HEIGHT - 1 : HEIGHT - 1 - (rate / most) * (HEIGHT - 3) };
    if (second > 0 && rates[second - 1] !== null) found.at(-1).push(point);
    else found.push([point]);
  });
  return found;
}

function linePath(rates, most) {
  return pieces(rates, most).map((points) => `M${points.map(place).join('L')}`).join('');
}

function areaPath(rates, most) {
  return pieces(rates, most).map((points) => `M${points[0].x} ${HEIGHT}L${points.map(place).join('L')}L${points.at(-1).x} ${HEIGHT}Z`).join('');
}

function place({ x, y }) {
  return `${x} ${y.toFixed(2)}`;
}
