import type { BookingView, EventView, HoldView } from '../api/types';

/** Seats by label, or a quantity by the tier's name. */
export function itemsText(what: HoldView | BookingView, event: EventView | undefined): string {
  if (what.seats.length > 0) return what.seats.join(', ');
  const tier = event?.tiers.find((tier) => tier.tier_id === what.tier_id);
  return `${what.quantity} × ${tier?.name ?? 'ticket'}`;
}
