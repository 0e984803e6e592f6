import { expect, test } from 'vitest';
import { duration, money, priceRange, spokenDuration } from './format';

test.each([
  [0, '0:00'],
  [1, '0:01'],
  [59_001, '1:00'],
  [125_000, '2:05'],
  [3_600_000, '1:00:00'],
  [90_061_000, '1 d 1 h'],
])('%i ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('durations are spoken in words', () => {
  expect(spokenDuration(60_000)).toBe('1 minute');
  expect(spokenDuration(125_000)).toBe('2 minutes 5 seconds');
  expect(spokenDuration(1_000)).toBe('1 second');
});

test('money has as many minor digits as its currency', () => {
  expect(money(5_000, 'EUR')).toMatch(/50[.,]00/);
  expect(money(5_000, 'JPY')).toMatch(/5[.,\s]?000/);
  expect(money(5_000, 'KWD')).toMatch(/5[.,]000/);
  expect(priceRange([500, 900, 700], 'EUR')).toMatch(/5[.,]00.*–.*9[.,]00/);
  expect(priceRange([500, 500], 'EUR')).not.toMatch(/–/);
});
