// A module worker that trains. Messages in are {do: 'build', id, settings}, {do:
// 'advance', id, to, until} and {do: 'show', id, replica, layer, unit}; see session.js.
// Each is answered by what the session returns, with the same id, or by {id, kind:
// 'failed', message}.

import {Session} from './session.js';

const session = new Session();

const DEEDS = {
  build: (message) => session.build(message.settings),
  advance: (message) => session.advance(message),
  show: (message) => session.show(message),
};

addEventListener('message', ({data}) => {
  const {id} = data;
  try {
    const answer = {id, ...DEEDS[data.do](data)};
    postMessage(answer, {transfer: [...buffersOf(answer)]});
  } catch (error) {
    postMessage({id, kind: 'failed', message: String(error)});
  }
});

/** Returns the buffers of all arrays in an answer, each once. */
function buffersOf(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) {
    found.add(value.buffer);
  } else if (value !== null && typeof value === 'object') {
    Object.values(value).forEach((part) => buffersOf(part, found));
  }
  return found;
}
