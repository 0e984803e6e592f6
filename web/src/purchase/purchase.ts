/**
 * A purchase, step by step: choosing → holding → held → booking → reserved → paying → paid. Pure; `calls.ts` talks to the
 * service. An answer that comes when its step is over changes nothing.
 */
import type { Notice } from '../api/problems';
import type { BookingView, HoldView } from '../api/types';

/** What the visitor wants: seats by index, or tickets of a tier. */
export interface Choice {
  seats: readonly number[];
  tierId: string | undefined;
  quantity: number;
}

export type Step =
  | { name: 'choosing' }
  /** Asked for; shown as ours before the answer is there. */
  | { name: 'holding' }
  | { name: 'held'; hold: HoldView }
  | { name: 'booking'; hold: HoldView }
  | { name: 'reserved'; booking: BookingView }
  | { name: 'paying'; booking: BookingView }
  | { name: 'paid'; booking: BookingView };

export interface Purchase {
  choice: Choice;
  step: Step;
  /** An answer is awaited that may change the step: nothing else is asked meanwhile. */
  isBusy: boolean;
  notice: Notice | undefined;
}

export type Happening =
  | { type: 'seat-toggled'; seat: number; ticketsMax: number }
  | { type: 'tier-chosen'; tierId: string; quantity: number }
  | { type: 'seats-lost'; seats: readonly number[]; labels: readonly string[] }
  /** Looking, extending, releasing or cancelling; the step stays as it is until the answer. */
  | { type: 'asked' }
  | { type: 'hold-asked' }
  | { type: 'hold-refused'; notice: Notice; conflicts: readonly number[] }
  | { type: 'held'; hold: HoldView; notice?: Notice }
  | { type: 'book-asked' }
  | { type: 'booked'; booking: BookingView; notice?: Notice }
  | { type: 'pay-asked' }
  | { type: 'paid'; booking: BookingView }
  /** Nothing changed but what there is to tell. */
  | { type: 'told'; notice: Notice }
  /** What was asked changed nothing, and there is nothing to tell. */
  | { type: 'answered' }
  /** The last request went wrong: back to the step before it, where it can be made again. */
  | { type: 'undone'; notice: Notice }
  /** Over: released, cancelled, ran out, or begun anew. */
  | { type: 'begun'; notice?: Notice };

export const nothing: Choice = { seats: [], tierId: undefined, quantity: 0 };

/** Busy until it is known whether something is under way from an earlier visit. */
export const beginning: Purchase = {
  choice: nothing,
  step: { name: 'choosing' },
  isBusy: true,
  notice: undefined,
};

export function next(purchase: Purchase, happening: Happening): Purchase {
  const { choice, step } = purchase;
  const to = (step: Step, notice?: Notice): Purchase => ({ choice, step, isBusy: false, notice });
  switch (happening.type) {
    case 'seat-toggled':
      return step.name === 'choosing' ? toggled(purchase, happening.seat, happening.ticketsMax) : purchase;
    case 'tier-chosen':
      return step.name === 'choosing'
        ? chosen(purchase, { ...nothing, tierId: happening.tierId, quantity: happening.quantity })
        : purchase;
    case 'seats-lost': {
      if (step.name !== 'choosing') return purchase;
      const seats = choice.seats.filter((seat) => !happening.seats.includes(seat));
      return { ...purchase, choice: { ...choice, seats }, notice: taken(happening.labels) };
    }
    case 'asked':
      return { ...purchase, isBusy: true };
    case 'answered':
      return { ...purchase, isBusy: false };
    case 'hold-asked':
      return to({ name: 'holding' });
    case 'hold-refused': {
      const seats = choice.seats.filter((seat) => !happening.conflicts.includes(seat));
      return { ...to({ name: 'choosing' }, happening.notice), choice: { ...choice, seats } };
    }
    case 'held':
      return ['choosing', 'holding', 'held', 'booking'].includes(step.name)
        ? { ...to({ name: 'held', hold: happening.hold }, happening.notice), choice: nothing }
        : purchase;
    case 'book-asked':
      return step.name === 'held' ? to({ name: 'booking', hold: step.hold }) : purchase;
    case 'booked':
      return { ...to({ name: 'reserved', booking: happening.booking }, happening.notice), choice: nothing };
    case 'pay-asked':
      return step.name === 'reserved' ? to({ name: 'paying', booking: step.booking }) : purchase;
    case 'paid':
      return to({ name: 'paid', booking: happening.booking });
    case 'told':
      return to(step, happening.notice);
    case 'undone':
      return to(before(step), happening.notice);
    case 'begun':
      return { ...to({ name: 'choosing' }, happening.notice), choice: nothing };
  }
}

function toggled(purchase: Purchase, seat: number, ticketsMax: number): Purchase {
  const { seats } = purchase.choice;
  if (seats.includes(seat))
    return chosen(purchase, { ...nothing, seats: seats.filter((one) => one !== seat) });
  if (seats.length < ticketsMax) return chosen(purchase, { ...nothing, seats: [...seats, seat] });
  const text = `At most ${ticketsMax} seats at a time. Give one up to choose another.`;
  return { ...purchase, notice: { kind: 'refusal', text } };
}

/** A hold has seats or tickets of one tier; whoever turns to the other is told what was put back. */
function chosen(purchase: Purchase, choice: Choice): Purchase {
  const was = purchase.choice;
  const isOtherKind =
    was.seats.length > 0 ? choice.quantity > 0 : was.quantity > 0 && choice.tierId !== was.tierId;
  const text =
    'Seats and tickets of each kind are bought one after the other; your earlier choice was put back.';
  return { ...purchase, choice, notice: isOtherKind ? { kind: 'news', text } : undefined };
}

function before(step: Step): Step {
  switch (step.name) {
    case 'holding':
      return { name: 'choosing' };
    case 'booking':
      return { name: 'held', hold: step.hold };
    case 'paying':
      return { name: 'reserved', booking: step.booking };
    default:
      return step;
  }
}

/** The same words whether the feed or the service says so. */
export function taken(labels: readonly string[]): Notice {
  return { kind: 'refusal', text: `Seat already held by another customer: ${labels.join(', ')}.` };
}
