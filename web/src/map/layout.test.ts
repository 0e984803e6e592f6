import { describe, expect, test } from 'vitest';
import { fitted } from './fitted';
import { layoutOf } from './layout';
import { nearestSeat } from './nearest-seat';
import { seatIndex, seatingOf, seatLabel, seatPlace } from './seating';

const block = (name: string, rows: number, seats_per_row: number) => ({
  name,
  rows,
  seats_per_row,
  price_minor: 1,
});
const halls = {
  'one seat': [block('A', 1, 1)],
  'a hall': ['A', 'B', 'C'].map((name) => block(name, 10, 24)),
  'a stadium': [...'ABCDEFGHIJKLMNOPQRSTUVWXY'].map((name) => block(name, 40, 50)),
  'uneven sections': [
    block('A', 3, 40),
    block('B', 12, 7),
    block('C', 1, 1),
    block('D', 30, 60),
    block('E', 2, 2),
  ],
  'one long row': [block('A', 1, 1_000)],
  'many sections': Array.from({ length: 500 }, (_, index) => block(`S${index}`, 2, 5)),
};

describe.each(Object.entries(halls))('%s', (_, sections) => {
  const seating = seatingOf(sections);
  const { xs, ys, box, sections: shapes } = layoutOf(seating);

  test('every seat is in the picture, in front of nobody else', () => {
    const near = nearestSeat({ xs, ys } as never);
    for (let seat = 0; seat < seating.total; seat += 1) {
      const [x, y] = [xs[seat] as number, ys[seat] as number];
      expect(x).toBeGreaterThan(box.left);
      expect(x).toBeLessThan(box.right);
      expect(y).toBeGreaterThan(box.top);
      expect(y).toBeLessThan(box.bottom);
      // Whoever points at its centre means it.
      expect(near(x, y)).toBe(seat);
    }
    const places = new Set(
      Array.from(xs, (x, seat) => `${Math.round(x * 2)} ${Math.round((ys[seat] as number) * 2)}`),
    );
    expect(places.size).toBe(seating.total);
  });

  test('sections are drawn in their order, and all of it fits', () => {
    expect(shapes.map((shape) => shape.block.name)).toEqual(sections.map((section) => section.name));
    const { scale, x, y } = fitted(box, 800, 500);
    expect(box.left * scale + x).toBeGreaterThanOrEqual(-1);
    expect(box.bottom * scale + y).toBeLessThanOrEqual(501);
  });
});

test('the nearest seat is none where there is none', () => {
  const layout = layoutOf(seatingOf([block('A', 2, 2)]));
  expect(nearestSeat(layout)(layout.box.left - 50, 0)).toBeUndefined();
});

test('labels and indexes are two names of one seat', () => {
  const seating = seatingOf([block('A', 2, 3), block('B', 1, 4)]);
  for (let seat = 0; seat < seating.total; seat += 1) {
    expect(seatIndex(seating, seatLabel(seating, seat))).toBe(seat);
  }
  expect(seatLabel(seating, 0)).toBe('A-1-1');
  expect(seatLabel(seating, 5)).toBe('A-2-3');
  expect(seatLabel(seating, 6)).toBe('B-1-1');
  expect(seatPlace(seating, 4)).toMatchObject({ row: 2, number: 2 });
  for (const label of ['C-1-1', 'A-3-1', 'A-0-1', 'A-1-4', 'A-1', ''])
    expect(seatIndex(seating, label)).toBeUndefined();
  expect(() => seatLabel(seating, 10)).toThrow(RangeError);
});
