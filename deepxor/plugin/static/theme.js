// TensorBoard's theme, light or dark.

import {themeOf} from './drawing/dom.js';

/** Calls back with the colours of the theme, now and when TensorBoard switches it. */
export function followTheme(onChange) {
  let body = null;
  try {
    body = window.parent.document.body;
    new MutationObserver(applyTheme).observe(body, {attributeFilter: ['class']});
  } catch {
    // A parent of another origin: a notebook.
  }
  function applyTheme() {
    const dark = Boolean(body && body !== document.body && body.classList.contains('dark-mode'));
    document.documentElement.classList.toggle('dark', dark);
    onChange(themeOf(document.documentElement));
  }
  applyTheme();
}
