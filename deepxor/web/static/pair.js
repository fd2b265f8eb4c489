// Two trainings that stay at the same step, each in a worker of its own.

import {Engine} from './engine.js';
import {makeFlow} from './flow.js';
import {SIDES, settingsOf} from './scene.js';

// How long a worker trains before it answers, in milliseconds, and how long a frame may
// take: where frames take longer, less is trained in each, so that the page stays smooth.
const LEAST_BUDGET = 4, MOST_BUDGET = 24;
const FRAME = 31;
// A longer frame says nothing: at first steps are slow, and a page may not be shown.
const PAUSE = 100;
// How fast the estimates of speed and of frames follow what is measured.
const FOLLOW = 0.3, FOLLOW_FRAME = 0.1;

export class Pair {
  constructor() {
    this.trainings = Object.fromEntries(SIDES.map((side) => [side, {engine: new Engine()}]));
    this.built = 0; // Counts scenes: what was asked of an earlier one is dropped.
    this.queued = 0;
    this.work = Promise.resolve(); // The last of what is queued.
    this.replica = 0;
    this.budget = 10;
    this.begun = 0;
    this.frame = FRAME;
  }

  /** Returns the number of steps that both have taken. */
  get steps() { return Math.min(...this.each(({steps}) => steps ?? 0)); }

  /** Tells whether one side is behind the other. */
  get isUneven() { return Math.max(...this.each(({steps}) => steps ?? 0)) > this.steps; }

  /** Tells whether anything is under way that changes the trainings. */
  get isBusy() { return this.queued > 0; }

  each(read) { return SIDES.map((side) => read(this.trainings[side], side)); }

  /** Builds the networks of a scene, and takes the first step; false if it was dropped. */
  build(scene) {
    const built = ++this.built;
    return this.enqueue(async () => {
      this.replica = Math.min(this.replica, scene.replicas - 1);
      const found = await Promise.all(this.each(({engine}, side) =>
        start(engine, settingsOf(scene, side), this.replica)));
      // Both at once, so that no frame shows one side of each scene.
      this.each((training, side) => {
        const {answer, ...made} = found[SIDES.indexOf(side)];
        Object.assign(training, made, {built, records: []});
        take(training, answer);
      });
    });
  }

  /** Takes some steps, or as many as there is time for; false if it was dropped. */
  advance(steps) { return this.enqueue(() => this.takeSteps(steps)); }

  /**
   * Does one thing after the other, so that an answer is always that of the networks
   * that are there; false if another scene was asked for in the meantime.
   */
  enqueue(does) {
    const {built} = this;
    const isWanted = () => built === this.built;
    this.queued++;
    this.work = this.work.catch(() => {})
      .then(() => isWanted() && does())
      .then(isWanted)
      .finally(() => { this.queued--; });
    return this.work;
  }

  async takeSteps(steps) {
    this.adjust(performance.now());
    const {budget} = this;
    const speed = Math.min(...this.each((training) => training.speed));
    const most = Math.max(1, Math.floor(budget * speed));
    // A side that has fallen behind catches up before the other goes on.
    const goal = Math.max(this.steps + Math.min(steps, most), ...this.each((one) => one.steps));
    await Promise.all(this.each(async (training) => {
      const answer = await training.engine.ask({do: 'advance', to: goal, until: budget});
      const taken = answer.step - training.steps;
      if (taken > 0) {
        training.speed += FOLLOW * (taken / Math.max(0.01, answer.spent) - training.speed);
      }
      take(training, answer);
    }));
  }

  /** Gives the workers more or less of a frame, as the last one was short or long. */
  adjust(now) {
    const lapse = now - this.begun;
    this.begun = now;
    if (lapse > PAUSE) return;
    // Screens have whole frames only: it is their mean that is kept.
    this.frame += FOLLOW_FRAME * (lapse - this.frame);
    const budget = this.budget * (this.frame > FRAME ? 0.97 : 1.03);
    this.budget = Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, budget));
  }

  /** Shows another of the networks from here on; false if it was dropped. */
  show(replica) {
    return this.enqueue(async () => {
      this.replica = replica;
      await Promise.all(this.each(async (training) =>
        Object.assign(training, shownOf(await training.engine.ask({do: 'show', replica})))));
    });
  }

  /** Returns what a unit answers at the points of the decision surface; or null. */
  async unit(side, {layer, unit}) {
    let values = null;
    await this.enqueue(async () => {
      const {engine, replica} = this.trainings[side];
      ({values} = await engine.ask({do: 'show', replica, layer, unit}));
    });
    return values;
  }
}

const shownOf = ({replica, weights, surface, states}) => ({replica, weights, surface, states});

/** Builds the networks of one side, takes their first step, and returns both. */
async function start(engine, settings, replica) {
  const {layerNames: layers} = await engine.ask({do: 'build', settings});
  if (replica) await engine.ask({do: 'show', replica});
  const answer = await engine.ask({do: 'advance', to: 1, until: 0});
  return {settings, layers, answer, speed: 1 / Math.max(0.01, answer.spent)};
}

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
