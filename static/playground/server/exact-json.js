/** JSON whose numbers are as exact as they were written. Pure. */

/** The default of a parameter is the one number of a job that may have any digits; a text says the same (docs/parameters.md). */
const MAY_BE_TEXT = 'default';

/** As JSON.parse, but a default that a browser would round is the text of its digits. (A browser before 2025 may round it all the same.) */
export function parseExactly(text) {
  return JSON.parse(text, (name, value, context) => {
    const isRounded = name === MAY_BE_TEXT && typeof value === 'number' && !areSame(context?.source ?? String(value), String(value));
    return isRounded ? context.source : value;
  });
}

function areSame(one, other) {
  const [a, b] = [parts(one), parts(other)];
  return a.digits === b.digits && a.exponent === b.exponent;
}

// 12.50 → {digits: '125', exponent: -1}: the digits that count, and the power of ten of the last one.
function parts(number) {
  const [written, power = '0'] = number.replace('-', '').toLowerCase().split('e');
  const [whole, fraction = ''] = written.split('.');
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return digits === '' ? { digits, exponent: 0 } : { digits, exponent: Number(power) - fraction.length + all.length - digits.length };
}
