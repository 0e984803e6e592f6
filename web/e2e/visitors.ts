/** A browser for a file of tests, and visitors who are gone, without complaint, when their test ends. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launch, Visitor } from './browser.ts';

interface Coming extends BrowserContextOptions {
  /** Another address of the front door. */
  at?: string;
}

export function visitorsOf(url: string) {
  const all: Visitor[] = [];
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterEach(async () => {
    const gone = all.splice(0);
    await Promise.all(gone.map((visitor) => visitor.leave()));
    expect(gone.flatMap((visitor) => visitor.complaints)).toEqual([]);
  });
  afterAll(() => browser.close());

  async function come({ at = url, ...options }: Coming = {}): Promise<Visitor> {
    const visitor = await Visitor.come(browser, options);
    all.push(visitor);
    await visitor.open(at, '/');
    return visitor;
  }
  return { come, all };
}
