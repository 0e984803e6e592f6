/** Where a sale stands, by the server's clock. */
import type { EventView, SaleState } from '../api/types';

/** The most tickets one hold or booking may have. */
export const TICKETS_MAX = 10;

export type SalePhase = 'not-yet' | 'open' | 'paused' | 'sold-out' | 'over' | 'rebuilding';

type Timetable = Pick<EventView, 'on_sale_at' | 'ends_at'>;

/** `available` is everything nobody has, or null while it is being counted again. */
export function salePhase(
  event: Timetable,
  saleState: SaleState,
  available: number | null,
  now: number,
): SalePhase {
  if (now >= Date.parse(event.ends_at)) return 'over';
  if (now < Date.parse(event.on_sale_at)) return 'not-yet';
  if (saleState === 'paused') return 'paused';
  if (available === null) return 'rebuilding';
  return available <= 0 ? 'sold-out' : 'open';
}

/** Seats and tickets together that nobody has; null while any of them is being counted again. */
export function availableOf(event: EventView): number | null {
  const parts = event.tiers.map((tier) => tier.available ?? null);
  if (event.seats_total > 0) parts.push(event.seats_available ?? null);
  return parts.reduce((sum, part) => (sum === null || part === null ? null : sum + part), 0);
}

/** Seats and tickets there are. */
export function capacityOf(event: EventView): number {
  return event.tiers.reduce((sum, tier) => sum + tier.capacity, event.seats_total);
}

/** What a ticket costs, one number for each tier and section. */
export function pricesOf(event: EventView): number[] {
  return [...event.tiers, ...event.sections].map((part) => part.price_minor);
}
