// Light or dark: as the address says (?theme=dark), else as the system is set.

const system = window.matchMedia('(prefers-color-scheme: dark)');
let tell = () => {};

const chosen = () => new URLSearchParams(location.search).get('theme');

const isDark = () => (['dark', 'light'].includes(chosen()) ? chosen() === 'dark' : system.matches);

function apply() {
  document.documentElement.classList.toggle('dark', isDark());
  tell(isDark());
}

/** Calls back with whether the page is dark, now and whenever that changes. */
export function followTheme(onChange) {
  tell = onChange;
  system.addEventListener('change', apply);
  // Colours are read from the style sheet, which may still be loading.
  if (document.readyState === 'complete') apply();
  else window.addEventListener('load', apply);
}

/** Makes a light page dark, and keeps that in its address. */
export function toggleTheme() {
  const search = new URLSearchParams(location.search);
  search.set('theme', isDark() ? 'light' : 'dark');
  history.replaceState(null, '', `?${search}${location.hash}`);
  apply();
}
