/**
 * Names of columns, and values, as one line shows them. Files have some with line breaks, and with spaces around them ("id, amount"): a
 * line cannot hold the ones, and nobody sees the others, so that each has a sign there. Pure.
 */

const SIGNS = [['\n', '⏎'], ['\r', '␍']];
const SPACE = '␣';

/** How a line shows a name, or a value. */
export function lineOf(name) {
  const flat = SIGNS.reduce((text, [character, sign]) => text.replaceAll(character, sign), String(name));
  return flat.replace(/^ +| +$/g, (spaces) => SPACE.repeat(spaces.length));
}

/** The name that a line shows. */
export function nameIn(line) {
  const name = line.replace(/^␣+|␣+$/g, (signs) => ' '.repeat(signs.length));
  return SIGNS.reduce((text, [character, sign]) => text.replaceAll(sign, character), name);
}
