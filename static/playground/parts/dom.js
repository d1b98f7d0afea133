/** The few ways in which this page touches the DOM: text only ever as text, and nothing written that is there already. */

import { STATIC } from '../root.js';

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = new URL('icons.svg', STATIC).href;

/** Where an icon is shown from: the page itself, where the icons' ids must clash with no other; else their file. */
let toIcon = '#icon-';

/**
 * Makes the icons part of the page: they are then there while the server is away, too. The browser asks for what is shown of a file
 * anew for each icon, some ninety times a page; so only where the file did not come at once.
 */
export async function keepIcons() {
  try {
    const response = await fetch(ICONS);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const sprite = new DOMParser().parseFromString(await response.text(), 'image/svg+xml').documentElement;
    sprite.setAttribute('hidden', '');
    for (const symbol of sprite.querySelectorAll('symbol')) symbol.id = `icon-${symbol.id}`;
    document.body.append(document.importNode(sprite, true));
  } catch {
    toIcon = `${ICONS}#`;
    for (const use of document.querySelectorAll('use[href^="#icon-"]')) use.setAttribute('href', use.getAttribute('href').replace('#icon-', toIcon));
  }
}

/**
 * An element of the page. Whoever asks knows of which kind it is; that it is there, tests/test_app.py holds.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export function all(selector) {
  return [...document.querySelectorAll(selector)].filter((found) => found instanceof HTMLElement);
}

/** {width, height} of what is seen of the page. (On a phone innerWidth grows with what stands out of it, as a menu that is to be put in its place.) */
export function room() {
  const { clientWidth, clientHeight } = document.documentElement;
  return { width: clientWidth, height: clientHeight };
}

/**
 * The nearest around an element, itself included; null where there is none.
 * @param {Element | null} from
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function closest(from, selector) {
  return from?.closest(selector) ?? null;
}

/** Brings the keyboard to where "Skip to the content" leads, from what is hidden now. */
export function focusContent() {
  content().focus({ preventScroll: true });
}

function content() {
  return closest(document.querySelector(byId('skip').getAttribute('href')), '*');
}

/** Hides what may have the keyboard, or shows it: where it goes, `next()` brings the keyboard to what one does next, where that is there. */
export function putAway(target, hidden, next = focusContent) {
  const hadKeyboard = hidden && target.contains(document.activeElement);
  setHidden(target, hidden);
  if (!hadKeyboard) return;
  next();
  if (focused() === document.body || target.contains(focused())) focusContent();
}

let left = new WeakMap(); // what a page shows → what had the keyboard there when it was left

/**
 * Another page is about to be shown. What this gives is called once it is, and brings the keyboard there from the one that went; `isBack`: to where it
 * was when that page was left.
 */
export function keepKeyboard() {
  const held = focused();
  if (content().contains(held)) left.set(content(), held);
  return ({ isBack = false } = {}) => {
    const isLost = focused() === document.body || (focused() === held && !held.checkVisibility()); // what is moved, as the notice, loses it, too
    if (held === document.body || !isLost) return;
    focusContent();
    if (isBack) left.get(content())?.focus({ preventScroll: true });
  };
}

/** Pages were left by somebody else: nobody comes back to where that was. */
export function forgetKeyboard() {
  left = new WeakMap();
}

/** What has the keyboard, of which kind whoever asks knows. @returns {any} */
export function focused() {
  return document.activeElement;
}

/** An HTML element with a class and children (elements or text). */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** What shows a text of a person, as a name or a value: no browser translates it, and where it does not fit its end is cut, whichever way it is written. */
export function ownTextElement(tag, className, ...children) {
  const made = element(tag, className, ...children);
  made.dir = 'auto';
  made.translate = false;
  return made;
}

export function svgElement(tag, className) {
  const made = document.createElementNS(SVG, tag);
  if (className) made.setAttribute('class', className);
  return made;
}

export function icon(name) {
  const svg = svgElement('svg', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = svgElement('use');
  use.setAttribute('href', `${toIcon}${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(svg, name) {
  setAttribute(svg.firstElementChild, 'href', `${toIcon}${name}`);
}

export function setText(target, text) {
  if (target.textContent !== text) setParts(target, text, () => (text === '' ? [] : [text]));
}

/** Shows `make()`, elements and texts, whose whole text is `text`; not where that is shown already, or what a translator has made of it. */
export function setParts(target, text, make) {
  if (target.textContent === text || isTranslated(target, text)) return;
  target.replaceChildren(...make());
  shown.set(target, { text, first: target.firstChild, count: target.childNodes.length });
}

const shown = new WeakMap(); // element → {text, first, count} of what setParts has put into it

// The browser writes another text into ours, or puts it into <font>. In English once more, it would be translated once more, each second.
function isTranslated(target, text) {
  const ours = shown.get(target);
  if (ours === undefined || ours.text !== text || ours.count !== target.childNodes.length) return false;
  return target.firstChild === ours.first || target.firstChild.nodeName === 'FONT';
}

export function setAttribute(target, name, value) {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

export function setHidden(target, hidden) {
  if (target.hidden !== hidden) target.hidden = hidden;
}

/** In a list, arrows, Home and End bring the keyboard from one of `items` to another; a narrow window has some lists in a row. */
export function stepIn(event, items) {
  if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's: Alt and an arrow go back
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  items[Math.min(Math.max(to, 0), items.length - 1)].focus();
}

/**
 * A button that cannot be pressed now. A button that has the keyboard is only marked (`aria-disabled`), since a disabled one would lose it; whoever
 * hears its click asks `isPressable`.
 */
export function setDisabled(button, isDisabled) {
  const keeps = isDisabled && button.matches(':focus-visible');
  button.disabled = isDisabled && !keeps;
  if (keeps) setAttribute(button, 'aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}

export function isPressable(button) {
  return !button.disabled && button.getAttribute('aria-disabled') !== 'true';
}

/** A button that is a bare icon. */
export function iconButton(name, label) {
  const button = element('button', 'icon-button', icon(name));
  button.type = 'button';
  button.setAttribute('aria-label', label);
  button.title = label;
  return button;
}

/** A button with an icon and a text. */
export function labelledButton(id, name, label, run) {
  const made = element('button', 'button', icon(name), element('span', '', label));
  Object.assign(made, { type: 'button', id });
  made.addEventListener('click', run);
  return made;
}

/**
 * Escape in a dialog is for `onEscape()`, and for nothing on the page behind it. A second one in a row would close the dialog, whatever becomes of its
 * `cancel`: so the key is taken.
 */
export function takeEscape(dialog, onEscape) {
  const take = (event) => {
    if (event.type === 'keydown' ? event.key !== 'Escape' : event.target !== dialog) return; // of the choice of a file
    event.preventDefault();
    event.stopPropagation();
    onEscape();
  };
  for (const name of ['cancel', 'keydown']) dialog.addEventListener(name, take);
}
