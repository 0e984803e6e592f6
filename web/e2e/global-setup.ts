/** Starts the whole of Onsale once for all files, with the page that was built. */
import type { TestProject } from 'vitest/node';
import { type Ready, startStack } from './stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    ready: Ready;
  }
}

export default async function setup(project: TestProject) {
  const stack = await startStack(['--replicas', '3']);
  project.provide('ready', stack.ready);
  return stack.stop;
}
