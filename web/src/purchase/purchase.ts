/**
 * A purchase, step by step: choosing → holding → held → booking → reserved → paying → paid. Pure; `use-purchase.ts` talks
 * to the service.
 */
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

/** Something to tell. A refusal is final, a failure may pass, news is neither. */
export interface Notice {
  kind: 'refusal' | 'failure' | 'news';
  text: string;
}

export interface Purchase {
  choice: Choice;
  step: Step;
  notice: Notice | undefined;
}

export type Happening =
  | { type: 'seat-toggled'; seat: number; ticketsMax: number }
  | { type: 'tier-chosen'; tierId: string; quantity: number }
  | { type: 'seats-lost'; seats: readonly number[]; labels: readonly string[] }
  | { type: 'hold-asked' }
  | { type: 'hold-refused'; notice: Notice; conflicts: readonly number[] }
  | { type: 'held'; hold: HoldView; notice?: Notice }
  | { type: 'book-asked' }
  | { type: 'booked'; booking: BookingView }
  | { type: 'pay-asked' }
  | { type: 'paid'; booking: BookingView }
  | { type: 'told'; notice: Notice | undefined }
  /** The last request went wrong: back to the step before it, where it can be made again. */
  | { type: 'undone'; notice: Notice }
  /** Over: released, cancelled, ran out, or begun anew. */
  | { type: 'begun'; notice?: Notice };

export const nothing: Choice = { seats: [], tierId: undefined, quantity: 0 };

export const beginning: Purchase = { choice: nothing, step: { name: 'choosing' }, notice: undefined };

export function next(purchase: Purchase, happening: Happening): Purchase {
  const { choice, step } = purchase;
  switch (happening.type) {
    case 'seat-toggled':
      return step.name === 'choosing' ? toggle(purchase, happening.seat, happening.ticketsMax) : purchase;
    case 'tier-chosen': {
      if (step.name !== 'choosing') return purchase;
      const { tierId, quantity } = happening;
      return { ...purchase, choice: { seats: [], tierId, quantity }, notice: undefined };
    }
    case 'seats-lost': {
      if (step.name !== 'choosing') return purchase;
      const seats = choice.seats.filter((seat) => !happening.seats.includes(seat));
      return { ...purchase, choice: { ...choice, seats }, notice: taken(happening.labels) };
    }
    case 'hold-asked':
      return { ...purchase, step: { name: 'holding' }, notice: undefined };
    case 'hold-refused': {
      const seats = choice.seats.filter((seat) => !happening.conflicts.includes(seat));
      return { choice: { ...choice, seats }, step: { name: 'choosing' }, notice: happening.notice };
    }
    case 'held':
      return { ...purchase, step: { name: 'held', hold: happening.hold }, notice: happening.notice };
    case 'book-asked':
      return step.name === 'held'
        ? { ...purchase, step: { name: 'booking', hold: step.hold }, notice: undefined }
        : purchase;
    case 'booked':
      return { choice: nothing, step: { name: 'reserved', booking: happening.booking }, notice: undefined };
    case 'pay-asked':
      return step.name === 'reserved'
        ? { ...purchase, step: { name: 'paying', booking: step.booking }, notice: undefined }
        : purchase;
    case 'paid':
      return { ...purchase, step: { name: 'paid', booking: happening.booking }, notice: undefined };
    case 'told':
      return { ...purchase, notice: happening.notice };
    case 'undone':
      return { ...purchase, step: before(step), notice: happening.notice };
    case 'begun':
      return { ...beginning, notice: happening.notice };
  }
}

function toggle(purchase: Purchase, seat: number, ticketsMax: number): Purchase {
  const { choice } = purchase;
  if (choice.seats.includes(seat)) {
    const seats = choice.seats.filter((other) => other !== seat);
    return { ...purchase, choice: { ...choice, seats }, notice: undefined };
  }
  if (choice.seats.length >= ticketsMax) {
    const text = `At most ${ticketsMax} seats at a time. Give one up to choose another.`;
    return { ...purchase, notice: { kind: 'refusal', text } };
  }
  return {
    ...purchase,
    choice: { seats: [...choice.seats, seat], tierId: undefined, quantity: 0 },
    notice: undefined,
  };
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
