/**
 * Names of columns and files, and values, as one line shows them. Files have some with line breaks, with spaces around them ("id, amount"),
 * with spaces that are none, and with signs that nobody sees: a line cannot hold the first, and who writes a name as it looks gets none of
 * the others, so that each has a sign there. Pure.
 */

const SIGNS = [['\n', '⏎'], ['\r', '␍'], ['\t', '␉'], ['\u00a0', '⍽']];
const SPACE = '␣';

// A soft hyphen, signs without a width, and those that turn what follows around; what emoji and scripts need is none of them.
const UNSEEN = /[\u00ad\u200b\u202a-\u202e\u2060\ufeff]/g;
const NUMBER = /⟦(00AD|200B|202[A-E]|2060|FEFF)⟧/g;

/** How a line shows a name, or a value. */
export function lineOf(name) {
  const flat = SIGNS.reduce((text, [character, sign]) => text.replaceAll(character, sign), String(name));
  return flat.replace(/^ +| +$/g, (spaces) => SPACE.repeat(spaces.length)).replace(UNSEEN, (one) => `⟦${numberOf(one)}⟧`);
}

/** The name that a line shows. */
export function nameIn(line) {
  const name = line.replace(/^␣+|␣+$/g, (signs) => ' '.repeat(signs.length));
  const seen = name.replace(NUMBER, (_, number) => String.fromCharCode(Number.parseInt(number, 16)));
  return SIGNS.reduce((text, [character, sign]) => text.replaceAll(sign, character), seen);
}

function numberOf(one) {
  return one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
}
