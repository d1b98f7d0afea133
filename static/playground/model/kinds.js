/** What a node is for, which gives it its colour: it reads rows, brings several flows together or apart, changes rows, or writes them. Pure. */

import { inputsOf, outputsOf, REJECTED } from './ports.js';

/** input | output | combine | step of a node type as the server tells it; step where the type is not known. */
export function kindOf(type, config = {}) {
  if (type === undefined) return 'step';
  if (type.hasInput === false) return 'input';
  if (type.hasOutput === false) return 'output';
  const outputs = outputsOf(type, config).filter((output) => output !== REJECTED);
  return inputsOf(type, config).length > 1 || outputs.length > 1 ? 'combine' : 'step';
}
