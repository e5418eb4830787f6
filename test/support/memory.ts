import v8 from 'node:v8';
import vm from 'node:vm';

/** Bytes that this process really holds: what is left after a collection. What is free is counted as such some time later, on a busy machine above all. */
export function heldBytes(): number {
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
