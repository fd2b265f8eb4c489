// One training and what is shown of it, as the worker and its messages have it.

import {grid} from './grid.js';
import {Network} from './network.js';
import {isRecord} from './records.js';
import {statesOf} from './states.js';

export class Session {
  /** Builds the networks of sound settings; the replica 0 is shown. */
  build(settings) {
    this.network = new Network({...settings, initializer: settings.kernelInitializer});
    this.grid = grid(settings.bits);
    this.replica = 0;
    const {layerNames} = this.network;
    return {kind: 'built', layerNames, ...this.shownState()};
  }

  /**
   * Takes steps until `to` are taken or `until` milliseconds are used, at least one if
   * any is left.
   */
  advance({to, until}) {
    const {network} = this;
    const begin = performance.now();
    const records = [];
    while (network.steps < to) {
      network.step();
      if (isRecord(network.steps - 1)) records.push(this.record());
      if (performance.now() - begin >= until) break;
    }
    return {
      kind: 'advanced', records, latest: this.latest(records), ...this.shownState(),
      spent: performance.now() - begin,
    };
  }

  /**
   * Shows a replica from here on. The `values` are the outputs of a unit of a layer,
   * both from 0, at the points of the grid; null if no such unit is asked for.
   */
  show({replica, layer, unit}) {
    this.replica = replica;
    return {kind: 'shown', values: this.values(layer, unit), ...this.shownState()};
  }

  values(layer, unit) {
    // Of a scene that is no more, there may be another layer or unit.
    if (!(unit < this.network.layers[layer]?.units)) return null;
    const outputs = this.network.evaluate(this.replica, this.grid)[layer];
    const {units} = this.network.layers[layer];
    return Float64Array.from(
      {length: outputs.length / units}, (_, point) => outputs[point * units + unit]);
  }

  record() {
    const {network} = this;
    return {...network.summary(), factors: network.factors()};
  }

  /** Returns the summary of the latest step; null before the first one. */
  latest(records) {
    if (this.network.steps === 0) return null;
    const last = records.at(-1);
    return last?.step === this.network.steps - 1 ? last : this.record();
  }

  /** Returns the steps taken, the states of all, and of one the weights and surface. */
  shownState() {
    const {network, replica} = this;
    return {
      step: network.steps,
      replica,
      states: statesOf(network),
      weights: network.weights(replica),
      surface: network.evaluate(replica, this.grid).at(-1),
    };
  }
}
