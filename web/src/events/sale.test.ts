import { expect, test } from 'vitest';
import type { EventView } from '../api/types';
import { availableOf, capacityOf, pricesOf, salePhase } from './sale';

const event = { on_sale_at: '2030-01-01T10:00:00Z', ends_at: '2030-01-02T00:00:00Z' };
const at = (time: string) => Date.parse(time);

test.each([
  ['2030-01-01T09:59:59Z', 'open', 5, 'not-yet'],
  ['2030-01-01T10:00:00Z', 'open', 5, 'open'],
  ['2030-01-01T10:00:00Z', 'open', 0, 'sold-out'],
  ['2030-01-01T10:00:00Z', 'paused', 5, 'paused'],
  // Not known is not sold out.
  ['2030-01-01T10:00:00Z', 'open', null, 'rebuilding'],
  ['2030-01-02T00:00:00Z', 'open', 5, 'over'],
] as const)('at %s, %s, with %s left, it is %s', (now, state, available, phase) => {
  expect(salePhase(event, state, available, at(now))).toBe(phase);
});

test('what is left is known only when all of it is', () => {
  const tiers = [
    { available: 2, capacity: 3, price_minor: 10 },
    { available: 1, capacity: 1, price_minor: 30 },
  ];
  const view = { tiers, sections: [{ price_minor: 20 }], seats_total: 5, seats_available: 4 } as EventView;
  expect(availableOf(view)).toBe(7);
  expect(capacityOf(view)).toBe(9);
  expect(pricesOf(view)).toEqual([10, 30, 20]);
  expect(availableOf({ ...view, seats_available: null })).toBeNull();
  expect(availableOf({ ...view, seats_total: 0, seats_available: null })).toBe(3);
});
