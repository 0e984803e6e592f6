/** Carries a purchase through the service: what the visitor does becomes calls, and their answers become steps. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useReducer } from 'react';
import { type Notice, noticeOf, Refused } from '../api/problems';
import type { EventView } from '../api/types';
import { TICKETS_MAX } from '../events/sale';
import { type Seating, seatIndex, seatLabel } from '../map/seating';
import {
  bookHold,
  cancelBooking,
  extendHold,
  holdItems,
  isHold,
  isOver,
  payBooking,
  releaseHold,
  takeUp,
  type UnderWay,
  wasGivenBack,
  whatBecameAtLast,
  whatBecameOf,
} from './calls';
import { askedSeats, dropHold } from './kept';
import { beginning, type Happening, next, type Purchase, type Step } from './purchase';

/** An extension that gains less than this has reached the longest a hold may last. */
const GAIN_MIN_MS = 500;

export interface PurchaseActions {
  toggleSeat(seat: number): void;
  chooseTier(tierId: string, quantity: number): void;
  loseSeats(seats: readonly number[]): void;
  hold(): Promise<void>;
  extend(): Promise<void>;
  release(): Promise<void>;
  /** The deadline of the hold or the booking has come by our clock; the service knows what that means. */
  ranOut(): Promise<void>;
  book(): Promise<void>;
  pay(): Promise<void>;
  decline(): void;
  cancel(): Promise<void>;
  begin(): Promise<void>;
}

/** The purchase under way at an event; one that was begun before the page was left is taken up again. */
export function usePurchase(event: EventView, seating: Seating): [Purchase, PurchaseActions] {
  const [purchase, happen] = useReducer(next, beginning);
  const queries = useQueryClient();
  const bookingsChanged = () => queries.invalidateQueries({ queryKey: ['bookings'] });

  useEffect(() => {
    let isShown = true;
    const tell = (happening: Happening) => isShown && happen(happening);
    lookForMore(event.event_id, tell);
    return () => {
      isShown = false;
    };
  }, [event.event_id]);

  const choices = {
    toggleSeat(seat: number) {
      happen({ type: 'seat-toggled', seat, ticketsMax: Math.min(TICKETS_MAX, event.per_customer_max) });
    },
    chooseTier(tierId: string, quantity: number) {
      happen({ type: 'tier-chosen', tierId, quantity });
    },
    loseSeats(seats: readonly number[]) {
      // Seats whose hold was not answered may look taken because they are ours.
      const asked = askedSeats(event.event_id);
      const isOurs = (label: string) => asked.includes(label) || wasGivenBack(event.event_id, label);
      const others = seats.filter((seat) => !isOurs(seatLabel(seating, seat)));
      const labels = others.map((seat) => seatLabel(seating, seat));
      if (others.length > 0) happen({ type: 'seats-lost', seats: others, labels });
    },
  };
  const holding = holdActions(event.event_id, purchase, seating, happen);
  const paying = bookingActions(event.event_id, purchase.step, happen, bookingsChanged);
  return [purchase, { ...choices, ...holding, ...paying }];
}

type Tell = (happening: Happening) => void;

/** Until there is a booking. */
function holdActions(event_id: string, { step, choice }: Purchase, seating: Seating, happen: Tell) {
  return {
    async hold() {
      happen({ type: 'hold-asked' });
      const seats = choice.seats.map((seat) => seatLabel(seating, seat));
      // Without seats a tier is chosen: nothing can be held before.
      const tier = { tier_id: choice.tierId ?? '', quantity: choice.quantity };
      try {
        happen({ type: 'held', hold: await holdItems(event_id, seats.length > 0 ? { seats } : tier) });
      } catch (error) {
        const labels = error instanceof Refused ? (error.problem.conflicts ?? []) : [];
        const conflicts = labels.map((label) => seatIndex(seating, label) ?? -1);
        happen({ type: 'hold-refused', notice: noticeOf(error), conflicts });
      }
    },
    async extend() {
      if (step.name !== 'held') return;
      happen({ type: 'asked' });
      try {
        const hold = await extendHold(step.hold);
        const gained = Date.parse(hold.expires_at) - Date.parse(step.hold.expires_at) > GAIN_MIN_MS;
        const text = gained ? 'The full time again.' : 'This hold cannot be extended any further.';
        happen({ type: 'held', hold, notice: { kind: 'news', text } });
      } catch (error) {
        await afterTrouble(event_id, step.hold.hold_id, error, happen);
      }
    },
    async release() {
      if (step.name !== 'held') return;
      happen({ type: 'asked' });
      try {
        await releaseHold(step.hold);
        await beginAnew(event_id, happen);
      } catch (error) {
        happen({ type: 'told', notice: noticeOf(error) });
      }
    },
    async book() {
      if (step.name !== 'held') return;
      happen({ type: 'book-asked' });
      try {
        happen({ type: 'booked', booking: await bookHold(step.hold) });
      } catch (error) {
        await afterTrouble(event_id, step.hold.hold_id, error, happen);
      }
    },
  };
}

/** From the booking on. */
function bookingActions(event_id: string, step: Step, happen: Tell, bookingsChanged: () => Promise<void>) {
  const booking = 'booking' in step ? step.booking : undefined;
  return {
    async pay() {
      if (!booking) return;
      happen({ type: 'pay-asked' });
      try {
        happen({ type: 'paid', booking: await payBooking(booking) });
      } catch (error) {
        await afterTrouble(event_id, booking.booking_id, error, happen);
      }
      await bookingsChanged();
    },
    decline() {
      const text =
        'Your bank declined the payment. Nothing was charged; the tickets are yours until the deadline.';
      happen({ type: 'told', notice: { kind: 'failure', text } });
    },
    async cancel() {
      if (!booking) return;
      happen({ type: 'asked' });
      try {
        await cancelBooking(booking);
        await beginAnew(event_id, happen, cancelled(booking.reference));
      } catch (error) {
        await afterTrouble(event_id, booking.booking_id, error, happen);
      }
      await bookingsChanged();
    },
    async ranOut() {
      const id = booking?.booking_id ?? ('hold' in step ? step.hold.hold_id : undefined);
      if (!id) return;
      happen({ type: 'asked' });
      try {
        const found = await whatBecameAtLast(event_id, id);
        const isCancelled = found && !isHold(found) && found.status === 'cancelled';
        const text = `The ${booking ? 'time to pay' : 'hold'} is over; the tickets are on sale again.`;
        const ifOver: Notice = isCancelled ? cancelled(found.reference) : { kind: 'news', text };
        settle(event_id, id, found, { ifOver }, happen);
      } catch (error) {
        happen({ type: 'told', notice: noticeOf(error) });
      }
      await bookingsChanged();
    },
    async begin() {
      await beginAnew(event_id, happen);
    },
  };
}

/** After an answer that was not hoped for: what is really there decides which step it is. */
async function afterTrouble(event_id: string, id: string, error: unknown, happen: Tell) {
  const notice = noticeOf(error);
  if (!(error instanceof Refused)) {
    happen({ type: 'undone', notice });
    return;
  }
  try {
    const found = isOver(error) ? undefined : await whatBecameOf(event_id, id);
    settle(event_id, id, found, { ifOver: notice, ifNot: notice }, happen);
  } catch {
    happen({ type: 'undone', notice });
  }
}

/** Goes to the step that what was found belongs to, and tells what there is to tell of it. */
function settle(
  event_id: string,
  id: string,
  found: UnderWay | undefined,
  notices: { ifOver: Notice; ifNot?: Notice },
  happen: Tell,
) {
  if (found && isHold(found)) happen({ type: 'held', hold: found, notice: notices.ifNot });
  else if (found?.status === 'confirmed') happen({ type: 'paid', booking: found });
  else if (found?.status === 'reserved') happen({ type: 'booked', booking: found, notice: notices.ifNot });
  else {
    dropHold(event_id, id);
    happen({ type: 'begun', notice: notices.ifOver });
  }
}

function cancelled(reference: string): Notice {
  return { kind: 'news', text: `Booking ${reference} is cancelled.` };
}

async function beginAnew(event_id: string, happen: Tell, notice?: Notice) {
  happen({ type: 'begun', notice });
  happen({ type: 'asked' });
  await lookForMore(event_id, happen);
}

/** Takes up whatever is under way here, from an earlier visit or another tab. */
async function lookForMore(event_id: string, happen: Tell) {
  try {
    const found = await takeUp(event_id);
    if (!found) happen({ type: 'answered' });
    else if (isHold(found)) happen({ type: 'held', hold: found });
    else happen({ type: 'booked', booking: found });
  } catch (error) {
    happen({ type: 'told', notice: noticeOf(error) });
  }
}
