// Two trainings that stay at the same step, each in a worker of its own.

import {Engine} from './engine.js';
import {makeFlow} from './flow.js';
import {SIDES, settingsOf} from './scene.js';

// How long a worker trains before it answers, in milliseconds, and how long a frame may
// take: where frames take longer, less is trained in each, so that the page stays smooth.
const LEAST_BUDGET = 4, MOST_BUDGET = 24;
const FRAME = 33;
// A longer frame says nothing: the page was not shown.
const PAUSE = 500;
// How fast an estimate of the speed follows what is measured.
const FOLLOW = 0.3;

export class Pair {
  constructor() {
    this.trainings = Object.fromEntries(SIDES.map((side) => [side, {engine: new Engine()}]));
    this.built = 0; // Counts scenes, so that answers for an earlier one are dropped.
    this.isBusy = false;
    this.work = Promise.resolve(); // What is being done.
    this.replica = 0;
    this.budget = 10;
    this.begun = 0;
  }

  /** Returns the number of steps that both have taken. */
  get steps() { return Math.min(...this.each(({steps}) => steps ?? 0)); }

  /** Tells whether one side is behind the other. */
  get isUneven() { return Math.max(...this.each(({steps}) => steps ?? 0)) > this.steps; }

  each(read) { return SIDES.map((side) => read(this.trainings[side], side)); }

  /** Builds the networks of a scene, and takes the first step; false if it was dropped. */
  async build(scene) {
    const built = ++this.built;
    this.isBusy = true;
    this.replica = Math.min(this.replica, scene.replicas - 1);
    const found = await Promise.all(this.each(async ({engine}, side) => {
      const settings = settingsOf(scene, side);
      const {initial} = await engine.ask({do: 'build', settings});
      if (this.replica) await engine.ask({do: 'show', replica: this.replica});
      return {
        settings, layers: initial.layerNames, answer: await engine.ask({do: 'advance', to: 1, until: 0}),
      };
    }));
    if (built !== this.built) return false;
    this.each((training, side) => {
      const {settings, layers, answer} = found[SIDES.indexOf(side)];
      Object.assign(training, {settings, layers, records: [], speed: 1 / Math.max(0.01, answer.spent)});
      take(training, answer);
    });
    this.isBusy = false;
    return true;
  }

  /** Takes some steps, or as many as there is time for; false if it was dropped. */
  advance(steps) {
    return (this.work = this.work.catch(() => {}).then(() => this.takeSteps(steps)));
  }

  async takeSteps(steps) {
    const {built} = this;
    this.isBusy = true;
    this.adjust(performance.now());
    const {budget} = this;
    try {
      const speed = Math.min(...this.each((training) => training.speed));
      const most = Math.max(1, Math.floor(budget * speed));
      // A side that has fallen behind catches up before the other goes on.
      const goal = Math.max(this.steps + Math.min(steps, most), ...this.each((one) => one.steps));
      const answers = await Promise.all(this.each(({engine}) =>
        engine.ask({do: 'advance', to: goal, until: budget})));
      if (built !== this.built) return false;
      this.each((training, side) => {
        const answer = answers[SIDES.indexOf(side)];
        const taken = answer.step - training.steps;
        if (taken > 0) {
          training.speed += FOLLOW * (taken / Math.max(0.01, answer.spent) - training.speed);
        }
        take(training, answer);
      });
      return true;
    } finally {
      if (built === this.built) this.isBusy = false;
    }
  }

  /** Gives the workers more or less of a frame, as the last one was short or long. */
  adjust(now) {
    const lapse = now - this.begun;
    this.begun = now;
    if (lapse > PAUSE) return;
    const budget = this.budget * (lapse > FRAME ? 0.9 : 1.05);
    this.budget = Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, budget));
  }

  /** Shows another of the networks from here on. */
  async show(replica) {
    const {built} = this;
    this.replica = replica;
    const answers = await Promise.all(this.each(({engine}) => engine.ask({do: 'show', replica})));
    if (built !== this.built || replica !== this.replica) return false;
    this.each((training, side) => Object.assign(training, shownOf(answers[SIDES.indexOf(side)])));
    return true;
  }

  /** Returns what a unit answers at the points of the decision surface. */
  async unit(side, {layer, unit}) {
    const {engine} = this.trainings[side];
    return (await engine.ask({do: 'show', replica: this.replica, layer, unit})).values;
  }
}

const shownOf = ({weights, surface, states}) => ({weights, surface, states});

/** Takes what a worker answers into a training. */
function take(training, answer) {
  const {records, layers, settings} = training;
  // The latest step is the last column only until the next one.
  if (records.at(-1)?.isPassing) records.pop();
  records.push(...answer.records);
  const {latest} = answer;
  if (latest && records.at(-1)?.step !== latest.step) records.push({...latest, isPassing: true});
  Object.assign(training, shownOf(answer), {steps: answer.step});
  training.flow = makeFlow(layers, records, settings.replicas);
}
