// The language of the page: that of the address, else the browser's first that there is.

import en from './en.js';
import ko from './ko.js';

const LANGUAGES = {en, ko};

/** Returns the code of the language that an address and a browser want. */
export function languageOf(search, wanted) {
  const codes = [new URLSearchParams(search).get('lang'), ...wanted];
  const known = codes.map((code) => String(code ?? '').toLowerCase().split('-')[0])
    .find((code) => Object.hasOwn(LANGUAGES, code));
  return known || 'en';
}

export const language = languageOf(globalThis.location?.search ?? '', globalThis.navigator?.languages ?? []);

/** All texts of the page. */
export const text = LANGUAGES[language];
