/** Numbers, times and states as a person reads them. Pure. */

import { formatCount, formatDuration, unitOf } from '../../../realtime/words.js';

import { NODE_WORDS } from '../../../realtime/words.js';

export { formatCount, formatDuration, NODE_WORDS, RUN_WORDS, unitOf } from '../../../realtime/words.js';

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1, roundingMode: 'trunc' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const hourAndMinute = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const RUN_ICONS = { none: 'idle', queued: 'queued', running: 'running', completed: 'success', failed: 'error', cancelled: 'cancelled', lost: 'error' };

/** What a run was given, by name: {day: '2026-11-27', n: null} → "day 2026-11-27, n without a value"; '' for none. */
export function formatValues(parameters) {
  return Object.entries(parameters ?? {}).sort(([one], [other]) => (one < other ? -1 : 1)).map((
    [name, text],
  ) => (text === null ? `${name} without a value` : `${name} ${text === '' ? '“”' : text}`)).join(', ');
}

/** "Attempt 2 of 4, due at 6:30:05 PM": of a run that is tried again when it fails; null of every other run. */
export function formatAttempt({ attempt = 1, attempts = 1, dueAt = null }, { isWaiting = false, now = 0 } = {}) {
  if (attempts === 1) return null;
  const due = isWaiting && dueAt !== null && dueAt > now ? `, due at ${formatMoment(dueAt)}` : '';
  return `Attempt ${attempt} of ${attempts}${due}`;
}

/** 1234567 → "1.2M"; never more than there are: 999999 → "999.9K" */
export function formatCompact(count) {
  return compact.format(count);
}

/** Seconds that have passed, in one unit: "just now", "12 s ago", "5 min ago", "3 h ago", "2 days ago". */
export function formatAge(seconds) {
  const known = Math.max(0, Math.floor(seconds));
  if (known < 5) return 'just now';
  if (known < 60) return `${known} s ago`;
  if (known < 3_600) return `${Math.floor(known / 60)} min ago`;
  if (known < 86_400) return `${Math.floor(known / 3_600)} h ago`;
  const days = Math.floor(known / 86_400);
  return days === 1 ? '1 day ago' : `${days} days ago`;
}

/** Rows a second of a node: the current ones while it runs, the average once it has ended. */
export function averageRateText({ rate, state, rowCount, startedAt, endedAt }) {
  if (rate !== null && (state === 'running' || state === 'stalled')) return `${formatCount(rate)}/s`;
  const seconds = startedAt === null || endedAt === null ? 0 : endedAt - startedAt;
  return seconds >= 0.1 && rowCount > 0 ? `${formatCount(rowCount / seconds)}/s` : '–';
}

/** How long a node took, or has taken by `now`. */
export function lastedText({ startedAt, endedAt, state }, now) {
  if (startedAt === null) return '–';
  if (endedAt !== null) return formatDuration(endedAt - startedAt, true);
  return state === 'running' || state === 'stalled' ? formatDuration(now - startedAt) : '–';
}

/** Nearly everything is done, and little time is left: then a number of seconds would be a show. */
const ALMOST = { share: 0.95, seconds: 3 };

/** The time left of a run's share ({share, remaining: seconds or null}): "about 12 s left"; null where it is not known. */
export function formatRemaining({ share, remaining }) {
  if (remaining === null) return null;
  if (share >= ALMOST.share && remaining <= ALMOST.seconds) return 'almost done';
  return `about ${formatDuration(Math.max(1, Math.ceil(remaining)))} left`;
}

/** Epoch seconds as a time of day, with the date when that is not today's. */
export function formatMoment(seconds, today = new Date()) {
  const moment = new Date(seconds * 1000);
  return moment.toDateString() === today.toDateString() ? clock.format(moment) : dayAndClock.format(moment);
}

/** A Date as a time of day. */
export function formatClock(date) {
  return clock.format(date);
}

/** The same where there is little room: without the seconds, and where there is least, without AM or PM. */
export function formatShortClock(date, isTight) {
  const parts = hourAndMinute.formatToParts(date).filter(({ type }) => !isTight || type !== 'dayPeriod');
  return parts.map(({ value }) => value).join('').trim();
}

/** As much of a message as a few lines show: to break 15,000 characters without a space into lines takes a browser seconds. */
const MOST_SHOWN = 600;

/** The beginning of a text, for a place that shows a few lines of it. */
export function beginningOf(text) {
  return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** What a server or a library said, as a sentence: "run 7 is over" → "Run 7 is over." Names such as `rowCount` stay. */
export function asSentence(text) {
  return text.split('\n').map(lineAsSentence).join('\n');
}

function lineAsSentence(line) {
  const text = line.trim();
  if (text === '') return '';
  const isWord = /^[a-z]+(?:['’-][a-z]+)*(?=[\s,;:.?!]|$)(?!\.\w)/.test(text);
  const begun = isWord ? text.replace(/^(?:url\b|.)/, (begin) => begin.toUpperCase()) : text;
  return /[.!?:;…”"]$/.test(begun) ? begun : `${begun}.`;
}

/** Enough of a run's id to tell it from its neighbours. */
export function shortRun(runId) {
  return runId.length > 12 ? `${runId.slice(0, 8)}…` : runId;
}

/**
 * What a node does, in one line of its settings; its type where they say nothing yet.
 * @param {{ type: string, config?: Record<string, any> }} node
 */
export function summaryOf({ type, config = {} }) {
  const { table, sql, path, url, condition, columns, by, values, rows, every } = config;
  const outputs = Array.isArray(config.branches) ? config.branches.map((entry) => entry?.port).join(', ') : '';
  const keys = Array.isArray(config.on) ? `${config.how ?? 'by'} ${config.on.map(keyText).join(', ')}` : '';
  const some = Number.isInteger(rows) ? `${formatCount(rows)} ${unitOf(rows)}` : '';
  const first = some === '' || type === 'sample' ? some && `${some} at random` : `the first ${some}`;
  const oneOf = Number.isInteger(every) ? `one of ${formatCount(every)} ${unitOf(every)}` : '';
  const told = [table, sql, path, url, condition, keys, outputs, namesIn(columns), namesIn(values), namesIn(by), first, oneOf];
  const telling = told.find((text) => typeof text === 'string' && text.trim() !== '');
  return telling === undefined ? (type ?? '') : telling.trim().replace(/\s+/g, ' ');
}

// The columns that a list makes or names, with the direction of those that are sorted by.
function namesIn(list) {
  if (!Array.isArray(list)) return '';
  const names = list.map((entry) => (typeof entry === 'string' ? entry : [entry?.as || entry?.column, entry?.direction].filter(Boolean).join(' ')));
  return names.filter(Boolean).join(', ');
}

// A pair of keys: the name that both have, or both names.
function keyText(pair) {
  return pair?.left === pair?.right ? pair?.left : `${pair?.left} = ${pair?.right}`;
}

/**
 * A setting as text, with the passwords of addresses in it masked: what stands before the host, and the values of
 * parameters whose names hold one of `secretNames`.
 */
export function settingText(value, secretNames) {
  return plainText(value).replace(/[a-z][\w+.-]*:\/\/\S*/gi, (address) => withoutSecrets(address, secretNames));
}

function withoutSecrets(address, secretNames) {
  const parameters = new RegExp(`([?&][^?&=]*(?:${secretNames.join('|')})[^?&=]*=)[^&]*`, 'gi');
  return address.replace(/(:\/\/[^:/?#]*):.*@/, '$1:•••@').replace(parameters, '$1•••');
}

function plainText(value) {
  if (typeof value === 'string') return value;
  const isListOf = (member) => Array.isArray(value) && value.length > 0 && value.every((entry) => entry?.column && entry?.[member]);
  if (isListOf('expression')) return value.map(({ column, expression }) => `${column} = ${expression}`).join('\n');
  const isListOfBoth = (...members) => Array.isArray(value) && value.length > 0 && value.every((entry) => members.every((member) => entry?.[member]));
  if (isListOfBoth('left', 'right')) return value.map(({ left, right }) => `${left} = ${right}`).join('\n');
  if (isListOfBoth('port', 'condition')) return value.map(({ port, condition }) => `${port}: ${condition}`).join('\n');
  if (isListOf('type')) return value.map(({ column, type }) => `${column}: ${type}`).join('\n');
  const isEntries = Array.isArray(value) && value.length > 0 && value.every((entry) => entry?.column !== undefined || entry?.as !== undefined);
  if (isEntries) return value.map((entry) => Object.values(entry).filter((part) => part !== '').join(', ')).join('\n');
  return JSON.stringify(value, null, 2);
}

/** What a node is doing, or did: `view` as JobState tells it. */
export function nodeWord({ state, fromRun }) {
  return (fromRun ?? null) !== null && state === 'success' ? 'Not run again' : NODE_WORDS[state];
}
