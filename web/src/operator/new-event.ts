/** An event from what was typed into the form. */
import type { NewEvent } from '../api/types';

/** For `datetime-local`: so many days from now, at an hour or now, in the operator's own time. */
export function inDays(days: number, hour?: number): string {
  const date = new Date();
  date.setDate(date.getDate() + days);
  if (hour !== undefined) date.setHours(hour, 0, 0, 0);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Throws a `SyntaxError` that says which line is not understood. */
export function eventOf(form: FormData): NewEvent {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const instant = (name: string) => new Date(text(name)).toISOString();
  const currency = text('currency');
  return {
    name: text('name'),
    venue: text('venue'),
    starts_at: instant('starts_at'),
    ends_at: instant('ends_at'),
    on_sale_at: instant('on_sale_at'),
    currency,
    per_customer_max: Number(text('per_customer_max')),
    hold_ttl_seconds: Number(text('hold_ttl_seconds')),
    payment_ttl_seconds: Number(text('payment_ttl_seconds')),
    tiers: lines(text('tiers'), 3, 'name, price, capacity').map(([name, price, capacity]) => ({
      name: name as string,
      price_minor: minor(price as string, currency),
      capacity: whole(capacity as string),
    })),
    sections: lines(text('sections'), 4, 'name, rows, seats a row, price').map(
      ([name, rows, seats, price]) => ({
        name: name as string,
        rows: whole(rows as string),
        seats_per_row: whole(seats as string),
        price_minor: minor(price as string, currency),
      }),
    ),
  };
}

function lines(text: string, parts: number, shape: string): string[][] {
  const written = text.split('\n').filter((line) => line.trim() !== '');
  return written.map((line) => {
    const fields = line.split(',').map((field) => field.trim());
    if (fields.length !== parts || fields.includes(''))
      throw new SyntaxError(`“${line.trim()}” is not: ${shape}.`);
    return fields;
  });
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new SyntaxError(`“${text}” is not a whole number.`);
  return Number(text);
}

/** `50` or `50.5` or `50.00` as minor units of the currency, without a detour through fractions. */
export function minor(text: string, currency: string): number {
  const digits =
    new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  const [, units, fraction = ''] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (units === undefined || fraction.length > digits)
    throw new SyntaxError(`“${text}” is not a price in ${currency}.`);
  return Number(units + fraction.padEnd(digits, '0'));
}
