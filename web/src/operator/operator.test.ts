import { describe, expect, test } from 'vitest';
import type { ActivityView, AuditView } from '../api/types';
import { eventOf, minor } from './new-event';
import { extend, noSeries, POINTS_MAX } from './series';
import { roleOf } from './token';

const activity = (second: number, admitted: number, sold_out: number): ActivityView => ({
  event_id: 'e',
  admitted,
  refused: { sold_out, seat_taken: 0, limit_exceeded: 0, not_bookable: 0 },
  server_time: new Date(1_000 * second).toISOString(),
});
const audit = {
  tiers: [{ sold: 3, available: 7 }],
  seats: { reserved: 1, sold: 1, available: 5 },
} as AuditView;

describe('a series', () => {
  test('turns counts into rates', () => {
    let series = extend(noSeries, activity(10, 100, 1_000), audit);
    series = extend(series, activity(12, 110, 5_000), audit);
    expect(series.points.at(-1)).toMatchObject({
      sold: 5,
      available: 12,
      admittedPerSecond: 5,
      refusedPerSecond: 2_000,
    });
  });

  test('starts over with counts that started over, and takes nothing twice', () => {
    let series = extend(noSeries, activity(10, 100, 1_000), audit);
    series = extend(series, activity(11, 2, 30), audit);
    expect(series.points.at(-1)).toMatchObject({ admittedPerSecond: 2, refusedPerSecond: 30 });
    expect(extend(series, activity(11, 2, 30), audit)).toBe(series);
  });

  test('has a bound', () => {
    let series = noSeries;
    for (let second = 0; second < POINTS_MAX + 20; second += 1)
      series = extend(series, activity(second, 0, 0), audit);
    expect(series.points).toHaveLength(POINTS_MAX);
  });
});

describe('a new event', () => {
  const form = (change: Record<string, string> = {}) => {
    const data = new FormData();
    const fields = {
      name: ' Night ',
      venue: 'Hall',
      starts_at: '2030-01-01T20:00',
      ends_at: '2030-01-01T23:00',
      on_sale_at: '2029-12-01T10:00',
      currency: 'EUR',
      per_customer_max: '4',
      hold_ttl_seconds: '60',
      payment_ttl_seconds: '600',
      tiers: 'Floor, 50, 100\n\nGallery, 19.99, 20',
      sections: 'A, 8, 12, 90.5',
      ...change,
    };
    for (const [name, value] of Object.entries(fields)) data.set(name, value);
    return data;
  };

  test('is read from the form', () => {
    const event = eventOf(form());
    expect(event.name).toBe('Night');
    expect(event.starts_at).toBe(new Date('2030-01-01T20:00').toISOString());
    expect(event.tiers).toEqual([
      { name: 'Floor', price_minor: 5_000, capacity: 100 },
      { name: 'Gallery', price_minor: 1_999, capacity: 20 },
    ]);
    expect(event.sections).toEqual([{ name: 'A', rows: 8, seats_per_row: 12, price_minor: 9_050 }]);
  });

  test.each([
    ['tiers', 'Floor, 50'],
    ['tiers', 'Floor, fifty, 100'],
    ['tiers', 'Floor, 50.001, 100'],
    ['tiers', ', 50, 100'],
    ['sections', 'A, 8.5, 12, 90'],
    ['sections', 'A, -8, 12, 90'],
  ])('says which line of %s is not understood: %s', (field, text) => {
    expect(() => eventOf(form({ [field]: text }))).toThrow(SyntaxError);
  });

  test('prices have the digits of their currency', () => {
    expect(minor('19.99', 'EUR')).toBe(1_999);
    expect(minor('500', 'JPY')).toBe(500);
    expect(() => minor('500.5', 'JPY')).toThrow(SyntaxError);
    expect(minor('1.5', 'KWD')).toBe(1_500);
  });
});

test('a token says what it is for', () => {
  const token = (claims: object) => `x.${btoa(JSON.stringify(claims))}.y`;
  expect(roleOf(token({ role: 'admin' }))).toBe('admin');
  expect(roleOf(token({ role: 'guest' }))).toBe('guest');
  for (const wrong of ['', 'x', 'x.y.z', 'x.!.z']) expect(roleOf(wrong)).toBeUndefined();
});
