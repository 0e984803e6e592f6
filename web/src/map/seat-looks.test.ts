import { describe, expect, test } from 'vitest';
import { LOOKS, Look } from './looks';
import { lookOf, looksOf, lostSeats } from './seat-looks';

const states = new TextEncoder().encode('aahrs');
const mine = { chosen: new Set([1]), mine: new Set([2]), owned: new Set<number>() };

test('the visitor’s own seats lie over the feed’s states', () => {
  const expected = [Look.available, Look.chosen, Look.mine, Look.reserved, Look.sold];
  expect([...looksOf(states, mine)]).toEqual(expected);
  expect(expected.map((_, seat) => lookOf(seat, states, mine))).toEqual(expected);
});

test('seats of bookings are the visitor’s only while somebody has booked them', () => {
  const own = { chosen: new Set<number>(), mine: new Set<number>(), owned: new Set([0, 2, 3, 4]) };
  const expected = [Look.available, Look.available, Look.held, Look.mine, Look.mine];
  expect([...looksOf(states, own)]).toEqual(expected);
});

test('a chosen seat is lost when the feed says somebody has it', () => {
  expect(lostSeats([0, 1, 2, 3, 4], states)).toEqual([2, 3, 4]);
  // Before the first snapshot nothing is known, and nothing lost.
  expect(lostSeats([0, 1], new Uint8Array(0))).toEqual([]);
});

describe('looks', () => {
  /** Which of a grid of points belong to the shape. */
  const shape = (look: number) =>
    Array.from({ length: 17 * 17 }, (_, point) => {
      const [x, y] = [(point % 17) - 8, Math.floor(point / 17) - 8];
      return (LOOKS[look]?.coverage(x, y, 8) ?? 0) > 0.5 ? 1 : 0;
    });

  test('differ by shape and not by colour alone', () => {
    for (const one of LOOKS.keys()) {
      for (const other of LOOKS.keys()) {
        if (one >= other) continue;
        const [a, b] = [shape(one), shape(other)];
        const differing = a.filter((covered, point) => covered !== b[point]).length;
        expect(differing, `${LOOKS[one]?.text} and ${LOOKS[other]?.text}`).toBeGreaterThan(20);
      }
    }
  });

  test('keep within what a stamp has room for', () => {
    for (const look of LOOKS) {
      for (const [x, y] of [
        [10.5, 0],
        [0, 10.5],
        [-10.5, 0],
        [8, 8],
      ] as const)
        expect(look.coverage(x, y, 8)).toBe(0);
    }
  });
});
