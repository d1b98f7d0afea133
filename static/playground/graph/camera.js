/** Which part of the sheet the canvas shows: {x, y, zoom}; a sheet's point p is seen at p × zoom + (x, y). Pure. */

export const ZOOM = { least: 0.05, most: 2, step: 1.2 };

export const AT_HOME = { x: 0, y: 0, zoom: 1 };

export function panned(camera, dx, dy) {
  return { ...camera, x: camera.x + dx, y: camera.y + dy };
}

/** Nearer by `factor`; the point of the canvas stays where it is. */
export function zoomedAt(camera, factor, point) {
  const zoom = clamp(camera.zoom * factor, ZOOM.least, ZOOM.most);
  const ratio = zoom / camera.zoom;
  return { zoom, x: point.x - (point.x - camera.x) * ratio, y: point.y - (point.y - camera.y) * ratio };
}

/** The point of the sheet that is seen at a point of the canvas. */
export function onSheet(camera, point) {
  return { x: (point.x - camera.x) / camera.zoom, y: (point.y - camera.y) / camera.zoom };
}

/** All of `box` ({x, y, width, height} on the sheet) in a room of {width, height}; from the upper left where it cannot be. */
export function fitting(box, room, { margin = 28, least = ZOOM.least, most = 1, foot = 0 } = {}) {
  const free = { width: Math.max(1, room.width - 2 * margin), height: Math.max(1, room.height - 2 * margin - foot) };
  const zoom = clamp(Math.min(free.width / Math.max(1, box.width), free.height / Math.max(1, box.height)), least, most);
  const left = Math.max(margin, (room.width - box.width * zoom) / 2);
  const top = Math.max(margin, Math.min(Math.max(100, room.height / 6), (room.height - foot - box.height * zoom) / 3));
  return { zoom, x: left - box.x * zoom, y: top - box.y * zoom };
}

/** Moved as little as it takes to see `box`. */
export function revealing(camera, box, room, margin = 24) {
  const low = { x: box.x * camera.zoom + camera.x, y: box.y * camera.zoom + camera.y };
  const shift = (from, length, space) => {
    if (from < margin || length > space - 2 * margin) return margin - from;
    return Math.min(0, space - margin - (from + length));
  };
  return panned(camera, shift(low.x, box.width * camera.zoom, room.width), shift(low.y, box.height * camera.zoom, room.height));
}

/** Whether something of a box of the sheet is seen in this room. */
export function isWithin({ x, y, zoom }, box, room) {
  const [left, top] = [box.x * zoom + x, box.y * zoom + y];
  return left < room.width && top < room.height && left + box.width * zoom > 0 && top + box.height * zoom > 0;
}

/** The smallest box around boxes. */
export function around(boxes) {
  if (boxes.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  const [x, y] = [Math.min(...boxes.map((box) => box.x)), Math.min(...boxes.map((box) => box.y))];
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** The box between two corners. */
export function between(a, b) {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
}

export function touch(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function clamp(number, least, most) {
  return Math.min(most, Math.max(least, number));
}
