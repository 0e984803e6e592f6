import { describe, expect, test } from 'vitest';
import type { BookingView, HoldView } from '../api/types';
import { beginning, type Happening, next, type Purchase } from './purchase';

const hold = { hold_id: 'h', seats: ['A-1-1'] } as HoldView;
const booking = { booking_id: 'h', reference: 'R' } as BookingView;

const purchaseAfter = (...happenings: Happening[]): Purchase => happenings.reduce(next, beginning);
const toggled = (seat: number): Happening => ({ type: 'seat-toggled', seat, ticketsMax: 2 });

describe('choosing', () => {
  test('seats are chosen and given up again', () => {
    expect(purchaseAfter(toggled(3), toggled(5)).choice.seats).toEqual([3, 5]);
    expect(purchaseAfter(toggled(3), toggled(5), toggled(3)).choice.seats).toEqual([5]);
  });

  test('no more than the limit, and the visitor is told', () => {
    const purchase = purchaseAfter(toggled(1), toggled(2), toggled(3));
    expect(purchase.choice.seats).toEqual([1, 2]);
    expect(purchase.notice?.text).toMatch(/At most 2 seats/);
  });

  test('seats and tickets of a tier exclude each other: a hold has one or the other', () => {
    const tier: Happening = { type: 'tier-chosen', tierId: 't', quantity: 2 };
    expect(purchaseAfter(toggled(1), tier).choice).toEqual({ seats: [], tierId: 't', quantity: 2 });
    expect(purchaseAfter(tier, toggled(1)).choice).toEqual({ seats: [1], tierId: undefined, quantity: 0 });
  });

  test('what another customer took is given up, and named', () => {
    const purchase = purchaseAfter(toggled(1), toggled(2), {
      type: 'seats-lost',
      seats: [2],
      labels: ['A-1-3'],
    });
    expect(purchase.choice.seats).toEqual([1]);
    expect(purchase.notice?.text).toBe('Seat already held by another customer: A-1-3.');
  });
});

describe('holding', () => {
  test('a refusal rolls back to what was free', () => {
    const notice = { kind: 'refusal', text: 'no' } as const;
    const purchase = purchaseAfter(
      toggled(1),
      toggled(2),
      { type: 'hold-asked' },
      { type: 'hold-refused', notice, conflicts: [2] },
    );
    expect(purchase).toEqual({
      choice: { seats: [1], tierId: undefined, quantity: 0 },
      step: { name: 'choosing' },
      isBusy: false,
      notice,
    });
  });

  test('nothing is chosen while it is asked for, and news of its own seats is no loss', () => {
    const asked = purchaseAfter(toggled(1), { type: 'hold-asked' });
    expect(next(asked, toggled(2))).toBe(asked);
    expect(next(asked, { type: 'seats-lost', seats: [1], labels: ['A-1-2'] })).toBe(asked);
  });
});

describe('paying', () => {
  const reserved: Happening[] = [{ type: 'held', hold }, { type: 'book-asked' }, { type: 'booked', booking }];

  test('step by step to the ticket', () => {
    const steps = [...reserved, { type: 'pay-asked' }, { type: 'paid', booking }] as Happening[];
    const names = steps.map((_, index) => purchaseAfter(...steps.slice(0, index + 1)).step.name);
    expect(names).toEqual(['held', 'booking', 'reserved', 'paying', 'paid']);
  });

  test('a request that went wrong leads back to where it can be made again', () => {
    const notice = { kind: 'failure', text: 'again' } as const;
    const undone: Happening = { type: 'undone', notice };
    expect(purchaseAfter({ type: 'hold-asked' }, undone).step.name).toBe('choosing');
    expect(purchaseAfter({ type: 'held', hold }, { type: 'book-asked' }, undone).step).toEqual({
      name: 'held',
      hold,
    });
    expect(purchaseAfter(...reserved, { type: 'pay-asked' }, undone).step).toEqual({
      name: 'reserved',
      booking,
    });
  });

  test('what is not there cannot be booked or paid for', () => {
    expect(purchaseAfter({ type: 'book-asked' }).step.name).toBe('choosing');
    expect(purchaseAfter({ type: 'held', hold }, { type: 'pay-asked' }).step.name).toBe('held');
  });
});
