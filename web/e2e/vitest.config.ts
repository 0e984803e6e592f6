import { defineConfig } from 'vitest/config';

// Real servers and a real browser: one file at a time, so that a measured time is the page's own.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: process.env.PICTURES ? ['pictures.ts'] : ['**/*.test.ts'],
    globalSetup: ['./global-setup.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
