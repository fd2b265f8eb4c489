// Numbers and names as the pages write them.

/** Writes 10 ** log10 with two digits. */
export function power(log10) {
  if (!Number.isFinite(log10)) return 'not finite';
  const value = 10 ** log10;
  return value >= 0.01 && value < 1000 ? String(+value.toPrecision(2))
    : value.toExponential(1);
}

/** Cuts the middle out of a text until it fits, which the function tells. */
export function shortened(text, fits) {
  if (fits(text)) return text;
  for (let length = Math.min(text.length - 1, 60); length > 1; length--) {
    const tail = Math.floor(0.3 * length);
    const short = text.slice(0, length - tail) + '\u2026' + text.slice(text.length - tail);
    if (fits(short)) return short;
  }
  return '\u2026';
}

/** Returns what all names begin with, up to the last of / . and _; empty for none. */
export function prefixOf(names) {
  if (names.length < 2) return '';
  let length = Math.min(...names.map((name) => name.length)) - 1;
  while (length > 0 && !(/[/._]/.test(names[0][length - 1]) &&
    names.every((name) => name.startsWith(names[0].slice(0, length))))) length--;
  return names[0].slice(0, Math.max(0, length));
}
