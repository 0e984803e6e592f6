import { beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers({ now: 1_000_000 });
  return () => vi.useRealTimers();
});

const iso = (ms: number) => new Date(ms).toISOString();

test('the server’s clock counts, taken at the middle of the round trip', async () => {
  const { observe, serverNow } = await import('./clock');
  expect(serverNow()).toBe(1_000_000);
  observe(iso(5_000_050), 999_900, 1_000_000);
  expect(serverNow()).toBe(5_000_100);
});

test('a quicker answer is believed over a slower one, until it is old', async () => {
  const { observe, serverNow } = await import('./clock');
  observe(iso(2_000_000), 1_000_000, 1_000_000);
  observe(iso(9_000_000), 999_000, 1_000_000);
  expect(serverNow()).toBe(2_000_000);
  vi.setSystemTime(1_070_000);
  observe(iso(9_000_000), 1_069_000, 1_070_000);
  expect(serverNow()).toBe(9_000_500);
});
