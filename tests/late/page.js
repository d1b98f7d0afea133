// What a page meets comes late at random: each answer, its body, and each message in its turn, by half a second at most.
// At the beginning of some seconds no timer is due and nothing is drawn; what was due then comes in its order.

(() => {
  if (window.isLate) return;
  window.isLate = true;
  const LONGEST_HOLD = 600; // milliseconds
  const { fetch, WebSocket, XMLHttpRequest, BroadcastChannel, cancelAnimationFrame } = window;
  const later = window.setTimeout.bind(window);
  const nextFrame = window.requestAnimationFrame.bind(window);
  const pause = () => new Promise((done) => {
    const lot = Math.random();
    if (lot < 0.5) done();
    else later(done, Math.random() * (lot < 0.85 ? 60 : 500));
  });

  const holds = new Map();
  const holdIn = (second) => {
    if (!holds.has(second)) holds.set(second, Math.random() < 0.3 ? Math.random() * LONGEST_HOLD : 0);
    return holds.get(second);
  };
  const sinceSecond = (time) => time % 1000;
  const dueAt = (time) => {
    const second = time - sinceSecond(time);
    const end = second + holdIn(second);
    return time < end ? end + sinceSecond(time) / 1000 : time;
  };
  window.setTimeout = (what, wait = 0, ...told) => {
    const now = performance.now();
    return later(what, dueAt(now + Math.max(0, Number(wait) || 0)) - now, ...told);
  };
  const drawings = new Map();
  let lastDrawing = 0;
  let isPlanned = false;
  const drawAll = (time) => {
    if (dueAt(performance.now()) > performance.now()) return nextFrame(drawAll);
    isPlanned = false;
    for (const id of [...drawings.keys()]) {
      const draw = drawings.get(id);
      drawings.delete(id);
      try { draw?.(time); } catch (error) { reportError(error); }
    }
  };
  window.requestAnimationFrame = (draw) => {
    if (!isPlanned) nextFrame(drawAll);
    isPlanned = true;
    drawings.set((lastDrawing += 1), draw);
    return lastDrawing;
  };
  window.cancelAnimationFrame = (id) => drawings.delete(id) || cancelAnimationFrame(id);

  window.fetch = async (...how) => {
    await pause();
    const answer = await fetch.apply(window, how);
    await pause();
    return answer;
  };
  const readLate = (read) => async function (...how) {
    const body = await read.apply(this, how);
    await pause();
    return body;
  };
  for (const [{ prototype }, names] of [[Response, ['json', 'text', 'blob', 'arrayBuffer']], [Blob, ['text', 'arrayBuffer']]]) {
    for (const name of names) prototype[name] = readLate(prototype[name]);
  }
  const lateTold = (Told) => class extends Told {
    #told = Promise.resolve();
    addEventListener(type, listener, options) {
      const isOften = Told === WebSocket && type === 'message';
      const tell = (event) => {
        this.#told = this.#told.then(() => Math.random() < (isOften ? 0.03 : 0.5) && pause()).then(() => listener.call(this, event));
      };
      super.addEventListener(type, tell, options);
    }
    set onmessage(listener) { this.addEventListener('message', listener); }
    set onopen(listener) { this.addEventListener('open', listener); }
    set onclose(listener) { this.addEventListener('close', listener); }
  };
  window.WebSocket = lateTold(WebSocket);
  window.XMLHttpRequest = lateTold(XMLHttpRequest);
  if (BroadcastChannel) window.BroadcastChannel = lateTold(BroadcastChannel);
  const listen = window.addEventListener;
  window.addEventListener = (type, listener, options) => {
    const late = (event) => pause().then(() => listener(event));
    listen.call(window, type, type === 'storage' ? late : listener, options);
  };
})();
