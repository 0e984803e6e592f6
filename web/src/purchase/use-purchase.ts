/** Carries a purchase through the service. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useReducer } from 'react';
import { answer, guest } from '../api/client';
import { codeOf, isFailure, Refused, sentence } from '../api/problems';
import { bookingsQuery } from '../api/queries';
import type { BookingView, EventView, HoldView, NewHold } from '../api/types';
import { type Seating, seatIndex, seatLabel } from '../map/seating';
import { beginning, type Choice, type Notice, next, type Purchase } from './purchase';

/** Attempts at what is safe to repeat, and the wait between them. */
const ATTEMPTS_MAX = 4;
const ATTEMPT_WAIT_MS = 700;

export interface PurchaseActions {
  toggleSeat(seat: number): void;
  chooseTier(tierId: string, quantity: number): void;
  loseSeats(seats: readonly number[]): void;
  hold(): Promise<void>;
  extend(): Promise<void>;
  release(): Promise<void>;
  /** Of the hold or the booking, by its deadline. */
  ranOut(): void;
  book(): Promise<void>;
  pay(): Promise<void>;
  decline(): void;
  cancel(): Promise<void>;
  begin(): void;
}

const holdKey = (eventId: string) => `onsale.hold.${eventId}`;

/** The purchase under way at an event; one that was begun before the page was left is taken up again. */
export function usePurchase(event: EventView, seating: Seating): [Purchase, PurchaseActions] {
  const [purchase, happen] = useReducer(next, beginning);
  const queries = useQueryClient();
  const event_id = event.event_id;

  useEffect(() => {
    let isShown = true;
    takeUp(queries, event_id).then((found) => {
      if (!isShown || !found) return;
      if ('hold_id' in found) happen({ type: 'held', hold: found });
      else happen({ type: 'booked', booking: found });
    });
    return () => {
      isShown = false;
    };
  }, [queries, event_id]);

  const { step, choice } = purchase;
  const bookingsChanged = () => queries.invalidateQueries({ queryKey: ['bookings'] });
  const end = (notice?: Notice) => {
    localStorage.removeItem(holdKey(event_id));
    happen({ type: 'begun', notice });
  };

  const actions: PurchaseActions = {
    toggleSeat(seat) {
      happen({ type: 'seat-toggled', seat, ticketsMax: Math.min(10, event.per_customer_max) });
    },
    chooseTier(tierId, quantity) {
      happen({ type: 'tier-chosen', tierId, quantity });
    },
    loseSeats(seats) {
      happen({ type: 'seats-lost', seats, labels: seats.map((seat) => seatLabel(seating, seat)) });
    },
    async hold() {
      happen({ type: 'hold-asked' });
      try {
        const body = wanted(choice, seating);
        const hold = await answer(
          guest.POST('/events/{event_id}/holds', { params: { path: { event_id } }, body }),
        );
        localStorage.setItem(holdKey(event_id), hold.hold_id);
        happen({ type: 'held', hold });
      } catch (error) {
        const labels = error instanceof Refused ? (error.problem.conflicts ?? []) : [];
        const conflicts = labels.map((label) => seatIndex(seating, label) ?? -1);
        happen({ type: 'hold-refused', notice: notice(error), conflicts });
      }
    },
    async extend() {
      if (step.name !== 'held') return;
      const path = { event_id, hold_id: step.hold.hold_id };
      try {
        const hold = await answer(
          guest.POST('/events/{event_id}/holds/{hold_id}/extend', { params: { path } }),
        );
        const gained = Date.parse(hold.expires_at) - Date.parse(step.hold.expires_at) > 500;
        const text = gained ? 'The full time again.' : 'This hold cannot be extended any further.';
        happen({ type: 'held', hold, notice: { kind: 'news', text } });
      } catch (error) {
        if (isOver(error)) end(notice(error));
        else happen({ type: 'told', notice: notice(error) });
      }
    },
    async release() {
      if (step.name !== 'held') return;
      const path = { event_id, hold_id: step.hold.hold_id };
      try {
        await again(() => answer(guest.DELETE('/events/{event_id}/holds/{hold_id}', { params: { path } })));
        end();
      } catch (error) {
        // Gone already is what was wanted.
        if (isOver(error)) end();
        else happen({ type: 'told', notice: notice(error) });
      }
    },
    ranOut() {
      const what = step.name === 'reserved' || step.name === 'paying' ? 'time to pay is' : 'hold is';
      end({ kind: 'news', text: `The ${what} over; the tickets are on sale again.` });
      bookingsChanged();
    },
    async book() {
      if (step.name !== 'held') return;
      const body = { event_id, hold_id: step.hold.hold_id };
      happen({ type: 'book-asked' });
      try {
        // From a hold, sending again is safe: the hold's id makes it one booking.
        const booking = await again(() => answer(guest.POST('/bookings', { body })));
        localStorage.removeItem(holdKey(event_id));
        happen({ type: 'booked', booking });
        bookingsChanged();
      } catch (error) {
        if (isOver(error)) end(notice(error));
        else happen({ type: 'undone', notice: notice(error) });
      }
    },
    async pay() {
      if (step.name !== 'reserved') return;
      const path = { booking_id: step.booking.booking_id };
      const body = { payment_reference: `demo-${step.booking.reference}` };
      happen({ type: 'pay-asked' });
      try {
        const booking = await again(() =>
          answer(guest.POST('/bookings/{booking_id}/confirm', { params: { path }, body })),
        );
        happen({ type: 'paid', booking });
        bookingsChanged();
      } catch (error) {
        if (isOver(error)) end(notice(error));
        else happen({ type: 'undone', notice: notice(error) });
      }
    },
    decline() {
      const text =
        'Your bank declined the payment. Nothing was charged; the tickets are yours until the deadline.';
      happen({ type: 'told', notice: { kind: 'failure', text } });
    },
    async cancel() {
      if (step.name !== 'reserved') return;
      const path = { booking_id: step.booking.booking_id };
      try {
        await again(() => answer(guest.POST('/bookings/{booking_id}/cancel', { params: { path } })));
        end({ kind: 'news', text: `Booking ${step.booking.reference} is cancelled.` });
        bookingsChanged();
      } catch (error) {
        if (isOver(error)) end(notice(error));
        else happen({ type: 'told', notice: notice(error) });
      }
    },
    begin: () => end(),
  };
  return [purchase, actions];
}

function wanted(choice: Choice, seating: Seating): NewHold {
  if (choice.seats.length > 0) return { seats: choice.seats.map((seat) => seatLabel(seating, seat)) };
  return { tier_id: choice.tierId, quantity: choice.quantity };
}

function notice(error: unknown): Notice {
  return { kind: isFailure(error) ? 'failure' : 'refusal', text: sentence(error) };
}

/** What the request was about is not there any more. */
function isOver(error: unknown): boolean {
  return ['hold_expired', 'gone', 'not_found'].includes(codeOf(error) ?? '') && !isFailure(error);
}

/** Repeats what is safe to repeat while it fails; a refusal is an answer. */
async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      const mayPass = isFailure(error) || codeOf(error) === 'in_progress';
      if (!mayPass || attempts >= ATTEMPTS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_WAIT_MS * attempts));
    }
  }
}

/** The hold or unpaid booking of an earlier visit, if it is still there. */
async function takeUp(queries: QueryClient, event_id: string): Promise<HoldView | BookingView | undefined> {
  const hold_id = localStorage.getItem(holdKey(event_id));
  if (hold_id) {
    const path = { event_id, hold_id };
    try {
      return await answer(guest.GET('/events/{event_id}/holds/{hold_id}', { params: { path } }));
    } catch (error) {
      if (!isFailure(error)) localStorage.removeItem(holdKey(event_id));
    }
  }
  // Who has never been here has no bookings, and needs no session yet.
  if (!localStorage.getItem('onsale.session')) return undefined;
  const bookings = await queries.fetchQuery(bookingsQuery(1)).catch(() => undefined);
  return bookings?.items.find((booking) => booking.event_id === event_id && booking.status === 'reserved');
}
