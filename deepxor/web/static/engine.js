// The worker that trains one network, as promises.

export class Engine {
  constructor() {
    this.worker = new Worker(new URL('./training/worker.js', import.meta.url), {type: 'module'});
    this.waiting = new Map();
    this.asked = 0;
    this.worker.onmessage = ({data}) => this.take(data);
    this.worker.onerror = (event) => {
      for (const {refuse} of this.waiting.values()) refuse(new Error(event.message || 'worker'));
      this.waiting.clear();
    };
  }

  /** Sends a message, and returns the promise of its answer. */
  ask(message) {
    const id = ++this.asked;
    this.worker.postMessage({...message, id});
    return new Promise((done, refuse) => this.waiting.set(id, {done, refuse}));
  }

  take(answer) {
    const {done, refuse} = this.waiting.get(answer.id) || {};
    this.waiting.delete(answer.id);
    if (answer.kind === 'failed') refuse?.(new Error(answer.message));
    else done?.(answer);
  }
}
