/** What a few typed letters find, and how well: in names of nodes, jobs and commands. Pure. */

/** What a match is worth; a name that is shorter wins among equals. */
const WORTH = { start: 100, word: 60, inside: 40, hinted: 25, spread: 20, inHint: 1 };

/** Letters that may lie between those of a word that is spread over a name, for each of its own but the first. */
const MOST_BETWEEN = 3;

/**
 * Those of `items` that match `text`, the best first, each with `places`: the Set of the letters in its label that are meant.
 * An item is {label, hint, …}; each word of the text must be found in the label, or as it stands in the hint. Among equals
 * the order stays; for no text all are found.
 */
export function found(items, text) {
  const words = folded(text).join('').split(/\s+/).filter((word) => word !== '');
  const matches = items.map((item) => ({ item, match: matchOf(item, words) })).filter(({ match }) => match !== null);
  return matches.sort((a, b) => b.match.worth - a.match.worth).map(({ item, match }) => ({ ...item, places: match.places }));
}

function matchOf({ label, hint = '' }, words) {
  const letters = folded(label);
  const places = new Set();
  let worth = words.length === 0 ? 0 : -letters.length / 100;
  for (const word of words) {
    const ways = [wordIn(letters, word), hintedIn(hint, word)].filter((way) => way !== null);
    if (ways.length === 0) return null;
    const best = ways.reduce((one, other) => (other.worth > one.worth ? other : one));
    worth += best.worth;
    for (const place of best.places) places.add(place);
  }
  return { worth, places };
}

function hintedIn(hint, word) {
  const text = folded(hint).join('');
  const at = text.indexOf(word);
  if (at < 0) return null;
  return { worth: isWordStart(text, at) ? WORTH.hinted : WORTH.inHint, places: [] };
}

function wordIn(letters, word) {
  const found = textIn(letters.join(''), word);
  return found && { ...found, places: placesOf(letters, found.places) };
}

// Which letters of a label those of its text are, with the accents that stand behind them on their own.
function placesOf(letters, ofText) {
  const places = letters.flatMap((folded, place) => folded.split('').map(() => place));
  const meant = ofText.map((at) => places[at]);
  return meant.flatMap((place) => [place, ...accentsBehind(letters, place)]);
}

function accentsBehind(letters, place) {
  const isAccent = (at) => letters[at] === '';
  const accents = [];
  for (let at = place + 1; isAccent(at); at += 1) accents.push(at);
  return accents;
}

function textIn(text, word) {
  const starts = [...text].flatMap((letter, place) => (letter === word[0] ? [place] : []));
  const whole = starts.filter((start) => text.startsWith(word, start));
  if (whole.length > 0) {
    const start = whole.find((place) => isWordStart(text, place)) ?? whole[0];
    const kind = start === 0 ? 'start' : isWordStart(text, start) ? 'word' : 'inside';
    return { worth: WORTH[kind], places: Array.from({ length: word.length }, (_, step) => start + step) };
  }
  const spreads = starts.map((start) => spreadFrom(text, word, start)).filter((places) => places !== null);
  if (spreads.length === 0) return null;
  const between = (places) => places.at(-1) - places[0] + 1 - word.length;
  const closest = spreads.reduce((best, places) => (between(places) < between(best) ? places : best));
  return between(closest) > MOST_BETWEEN * (word.length - 1) ? null : { worth: WORTH.spread - between(closest), places: closest };
}

// The places of a word's letters, in their order, with others between them; or null.
function spreadFrom(text, word, start) {
  const places = [];
  let at = start;
  for (const letter of word) {
    at = text.indexOf(letter, at);
    if (at < 0) return null;
    places.push(at);
    at += 1;
  }
  return places;
}

function isWordStart(text, place) {
  return place === 0 || !/[\p{L}\p{N}]/u.test(text[place - 1]);
}

/**
 * A text without case and accents: "Größe" → "grosse", "ΟΔΟΣ" → "οδοσ". Nearly as the server compares names (folded of jobs/store/letters.py), whose
 * casefold knows a few letters more, as the ligature ﬁ.
 */
export function plain(text) {
  return text.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '').replaceAll('ß', 'ss').replaceAll('ς', 'σ');
}

// What each of the text's letters is without case and accents, which may be none or several: "Straße" → s, t, r, a, ss, e.
function folded(text) {
  return text.split('').map((letter) => letter.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace('ß', 'ss').replace('ς', 'σ'));
}
