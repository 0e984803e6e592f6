/** Times and money for people. */

/** `2:05`, `1:00:00`, `3 d 4 h`. Rounded up, so that 0:00 means over. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  const [d, h, m, s] = [seconds / 86_400, (seconds / 3_600) % 24, (seconds / 60) % 60, seconds % 60].map(
    Math.floor,
  ) as [number, number, number, number];
  const two = (count: number) => String(count).padStart(2, '0');
  if (d > 0) return `${d} d ${h} h`;
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** For a screen reader: `2 minutes 5 seconds`. */
export function spokenDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  const [m, s] = [Math.floor(seconds / 60), seconds % 60];
  const minutes = m > 0 ? `${m} minute${m === 1 ? '' : 's'}` : '';
  const rest = s > 0 || m === 0 ? `${s} second${s === 1 ? '' : 's'}` : '';
  return [minutes, rest].filter(Boolean).join(' ');
}

/** `Sat, 5 Dec 2026, 20:00` in the visitor's own way. */
export function dateTime(instant: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(
    new Date(instant),
  );
}

/** Making a formatter takes longer than using it a hundred times. */
const moneyFormats = new Map<string, { format: Intl.NumberFormat; units: number }>();

/** An amount of minor units; how many make one is the currency's own affair. */
export function money(minor: number, currency: string): string {
  let known = moneyFormats.get(currency);
  if (!known) {
    const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
    known = { format, units: 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2) };
    moneyFormats.set(currency, known);
  }
  return known.format.format(minor / known.units);
}

/** `€40.00` or `€40.00 – €90.00`. */
export function priceRange(prices: number[], currency: string): string {
  if (prices.length === 0) return '';
  const [least, most] = [Math.min(...prices), Math.max(...prices)];
  return least === most ? money(least, currency) : `${money(least, currency)} – ${money(most, currency)}`;
}

const countFormat = new Intl.NumberFormat();

/** `1,234` in the visitor's own way. */
export function count(number: number): string {
  return countFormat.format(number);
}
