/** The calls a purchase is made of, and what is kept in the browser so that none of them loses anything. */
import { again, answer, guest } from '../api/client';
import { codeOf, isFailure, Refused } from '../api/problems';
import type { BookingView, HoldView, NewHold } from '../api/types';
import { serverNow } from '../time/clock';
import { askedSeats, dropAsked, dropHold, keepAsked, keepHold, keptHolds } from './kept';

/** Looks at a booking past its deadline until the vault has ended it: it does so within about a second. */
const LOOKS_MAX = 8;
const LOOK_WAIT_MS = 500;

export type UnderWay = HoldView | BookingView;

export function isHold(what: UnderWay): what is HoldView {
  return 'hold_id' in what;
}

/** What the request was about is not there any more. */
export function isOver(error: unknown): boolean {
  return !isFailure(error) && ['hold_expired', 'gone', 'not_found'].includes(codeOf(error) ?? '');
}

/** Holds what is wanted. */
export async function holdItems(event_id: string, wanted: NewHold): Promise<HoldView> {
  const seats = 'seats' in wanted ? wanted.seats : [];
  await settleAsked(event_id);
  keepAsked(event_id, seats);
  try {
    const call = guest.POST('/events/{event_id}/holds', { params: { path: { event_id } }, body: wanted });
    const hold = await answer(call);
    keepHold(event_id, hold.hold_id);
    dropAsked(event_id, seats);
    return hold;
  } catch (error) {
    if (error instanceof Refused) dropAsked(event_id, seats);
    // The answer was lost: seats may be held under an id nobody knows. They are given back now, or before they are asked
    // for again, or when the page is opened next.
    else void settleAsked(event_id).catch(() => undefined);
    throw error;
  }
}

/** One at a time: a second that ran late would give back what has been held anew. */
const settling = new Map<string, Promise<void>>();

/** Gives back seats that may have been held without the answer arriving. */
export function settleAsked(event_id: string): Promise<void> {
  const running = settling.get(event_id) ?? unlockAsked(event_id).finally(() => settling.delete(event_id));
  settling.set(event_id, running);
  return running;
}

/** The feed shows a seat as taken a little longer than the service has it. */
const GIVEN_BACK_MS = 2_000;
const givenBackAt = new Map<string, number>();

/** Whether this seat was ours until just now: if it still looks taken, that is why. */
export function wasGivenBack(event_id: string, seat: string): boolean {
  return performance.now() - (givenBackAt.get(`${event_id} ${seat}`) ?? -GIVEN_BACK_MS) < GIVEN_BACK_MS;
}

async function unlockAsked(event_id: string) {
  for (const seat of askedSeats(event_id)) {
    const path = { event_id, seat };
    const call = () => answer(guest.POST('/events/{event_id}/seats/{seat}/unlock', { params: { path } }));
    try {
      await again(call);
      givenBackAt.set(`${event_id} ${seat}`, performance.now());
    } catch (error) {
      // Else it is not ours: the request never arrived, or was refused.
      if (isFailure(error)) throw error;
    }
    dropAsked(event_id, [seat]);
  }
}

export function extendHold({ event_id, hold_id }: HoldView): Promise<HoldView> {
  const path = { event_id, hold_id };
  return answer(guest.POST('/events/{event_id}/holds/{hold_id}/extend', { params: { path } }));
}

export async function releaseHold({ event_id, hold_id }: HoldView): Promise<void> {
  const path = { event_id, hold_id };
  try {
    await again(() => answer(guest.DELETE('/events/{event_id}/holds/{hold_id}', { params: { path } })));
  } catch (error) {
    // Gone already is what was wanted.
    if (!isOver(error)) throw error;
  }
  dropHold(event_id, hold_id);
}

/** Books a hold. Sending it again is safe: the hold's id makes it one booking. */
export function bookHold({ event_id, hold_id }: HoldView): Promise<BookingView> {
  return again(() => answer(guest.POST('/bookings', { body: { event_id, hold_id } })));
}

/** Pays, as far as a demonstration does. */
export async function payBooking({ event_id, booking_id, reference }: BookingView): Promise<BookingView> {
  const params = { path: { booking_id } };
  const body = { payment_reference: `demo-${reference}` };
  const paid = await again(() => answer(guest.POST('/bookings/{booking_id}/confirm', { params, body })));
  dropHold(event_id, booking_id);
  return paid;
}

export async function cancelBooking({ event_id, booking_id }: BookingView): Promise<BookingView> {
  const params = { path: { booking_id } };
  const cancelled = await again(() => answer(guest.POST('/bookings/{booking_id}/cancel', { params })));
  dropHold(event_id, booking_id);
  return cancelled;
}

/** What became of a hold: it is there, or it is a booking by now, or neither. */
export async function whatBecameOf(event_id: string, id: string): Promise<UnderWay | undefined> {
  const hold = { params: { path: { event_id, hold_id: id } } };
  const booking = { params: { path: { booking_id: id } } };
  const unlessOver = (error: unknown) => {
    if (isOver(error)) return undefined;
    throw error;
  };
  const held = again(() => answer(guest.GET('/events/{event_id}/holds/{hold_id}', hold)));
  const found = await held.catch(unlessOver);
  return found ?? again(() => answer(guest.GET('/bookings/{booking_id}', booking))).catch(unlessOver);
}

/** As {@link whatBecameOf}, after the deadline: waits until an unpaid booking has been ended. */
export async function whatBecameAtLast(event_id: string, id: string): Promise<UnderWay | undefined> {
  for (let looks = 1; ; looks += 1) {
    const found = await whatBecameOf(event_id, id);
    if (!found || !isPast(found) || looks >= LOOKS_MAX) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_WAIT_MS));
  }
}

/** Whether its deadline is behind us, by the server's clock, without anybody having ended it. */
function isPast(what: UnderWay): boolean {
  if (isHold(what)) return Date.parse(what.expires_at) <= serverNow();
  return what.status === 'reserved' && Date.parse(what.payment_due_at) <= serverNow();
}

/** A hold or an unpaid booking of an earlier visit, the newest first; what is over is not looked for again. */
export async function takeUp(event_id: string): Promise<UnderWay | undefined> {
  await settleAsked(event_id);
  for (const id of keptHolds(event_id).reverse()) {
    const found = await whatBecameOf(event_id, id);
    if (found && (isHold(found) || found.status === 'reserved')) return found;
    dropHold(event_id, id);
  }
  return undefined;
}
