// Elements of the page. Texts in them are text, whoever wrote them: never markup.

import {drawSwatch, runColour, runMarker} from './draw.js';

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function field(label, input) {
  return h('label', {class: 'field'}, h('span', {}, label), input);
}

export function swatch(cell, text) {
  const canvas = h('canvas', {'aria-hidden': 'true'});
  drawSwatch(canvas, cell);
  return h('span', {class: 'key'}, canvas, text);
}

/** Returns a colour with what it stands for, for legends. */
export function colourKey(colour, text, look = 'factor') {
  const box = h('i', {class: look, 'aria-hidden': 'true'});
  box.style.background = colour;
  return h('span', {class: 'key'}, box, text);
}

/** Returns a run's colour and marker, for lists and headings. */
export function dot(index) {
  const element = h('i', {class: 'dot', 'aria-hidden': 'true'});
  setDot(element, index);
  return element;
}

/** Gives a dot the looks of a run. */
export function setDot(element, index) {
  element.style.background = runColour(index);
  element.dataset.marker = runMarker(index);
}

/** Returns the colours of the theme that is on, for canvases. */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: read('text-soft'), strong: read('text'), grid: read('line'), empty: read('empty'),
    background: read('card'),
  };
}
