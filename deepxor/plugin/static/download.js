// What the browser saves: a picture, and any other file.

import {choice, quantity as chosenQuantity} from './choice.js';
import {h} from './drawing/dom.js';
import * as draw from './drawing/draw.js';
import {drawProfile, layOut} from './drawing/profile.js';
import {profileRange} from './drawing/range.js';
import {prefixOf} from './drawing/words.js';
import {recordOf} from './describe.js';

/** Lets the browser save a file. */
export function save(blob, name) {
  const link = h('a', {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Draws all that is shown into one picture and lets the browser save it. */
export function savePng(loaded, view, lit) {
  const {theme} = view, quantity = chosenQuantity();
  const [width, gap, title] = [560, 16, 26];
  const perRow = Math.min(2, loaded.length);
  const height = title + Math.max(...loaded.map(({flow}) => draw.mapHeight(flow.layers.length)));
  const rows = Math.ceil(loaded.length / perRow);
  const profile = 380;
  const total = [gap + (width + gap) * perRow,
    50 + (height + gap) * rows + title + profile + gap];
  const canvas = document.createElement('canvas');
  // As fine as a browser's largest canvas lets it be.
  const ratio = Math.min(2, 30000 / total[1]);
  const context = draw.prepare(canvas, ...total, ratio);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, ...total);
  const at = (x, y, paint) => {
    context.save();
    context.translate(x, y);
    paint();
    context.restore();
  };
  const heading = (text, x, y) => {
    context.fillStyle = theme.strong;
    context.textAlign = 'left';
    context.textBaseline = 'top';
    context.fillText(text, x, y);
  };
  heading(quantity.label, gap, 14);
  at(200, 8, () =>
    draw.drawScale(context, Math.min(340, total[0] - 216), quantity, view.scale, theme));
  loaded.forEach((run, i) => at(gap + (width + gap) * (i % perRow),
    50 + (height + gap) * Math.floor(i / perRow), () => {
      context.fillStyle = draw.runColour(run.index);
      draw.drawMarker(context, draw.runMarker(run.index), 6, 8, 5);
      heading(titleOf(run, view.step), 16, 2);
      context.translate(0, title);
      const inner = [width - draw.MARGIN.left - draw.MARGIN.right,
        draw.mapHeight(run.flow.layers.length) - draw.MARGIN.top - draw.MARGIN.bottom];
      const picture = draw.renderCells(run.flow, quantity, view.scale, view.axis,
        ...inner.map((size) => Math.round(size * ratio)));
      draw.drawMap(context, width, draw.mapHeight(run.flow.layers.length), run.flow, picture,
        view.axis, theme, {step: view.step, layer: null});
    }));
  const y = 50 + (height + gap) * rows;
  heading(`${quantity.label} by layer at step ${view.step}`, gap, y);
  const range = profileRange(view.scale, loaded.map(({flow}) => flow), quantity, choice.range);
  const layout = layOut(loaded, quantity, view.step, range, total[0] - 2 * gap, profile);
  at(gap, y + title, () => drawProfile(context, layout, quantity, theme, lit));
  canvas.toBlob((blob) => save(blob, 'gradient-flow.png'));
}

/** Returns a run's heading: its name, verdict, the record shown, what its layers share. */
function titleOf({name, flow}, step) {
  const prefix = prefixOf(flow.layers);
  return [`${name}: ${flow.diagnosis?.verdict || 'training'}`, recordOf(flow, step),
    prefix && `all: ${prefix}`].filter(Boolean).join('  ');
}
