import { describe, expect, test } from 'vitest';
import type { LiveMessage } from '../api/types';
import { AVAILABLE, HELD, Picture, SOLD } from './picture';

const snapshot = (sequence: number, states = 'aahs', available = 5): LiveMessage => ({
  type: 'snapshot',
  event_id: 'e',
  epoch: 1,
  sequence,
  sale_state: 'open',
  states,
  tiers: [{ tier_id: 't', available }],
});

function delta(previous: number, sequence: number, change: object = {}): LiveMessage {
  return { type: 'delta', epoch: 1, previous, sequence, ...change };
}

describe('a picture', () => {
  test('takes a snapshot whole', () => {
    const picture = new Picture();
    expect(picture.apply(snapshot(7))).toEqual({ kind: 'changed', seats: 'all' });
    expect([...picture.states]).toEqual([AVAILABLE, AVAILABLE, HELD, SOLD]);
    expect(picture.seatsAvailable).toBe(2);
    expect(picture.tiers.get('t')).toBe(5);
  });

  test('takes what follows, and counts what is free', () => {
    const picture = new Picture();
    picture.apply(snapshot(7));
    const change = {
      seats: { s: [0], a: [2] },
      tiers: [{ tier_id: 't', available: 4 }],
      sale_state: 'paused',
    };
    expect(picture.apply(delta(7, 9, change))).toEqual({ kind: 'changed', seats: [0, 2] });
    expect([...picture.states]).toEqual([SOLD, AVAILABLE, AVAILABLE, SOLD]);
    expect(picture.seatsAvailable).toBe(2);
    expect(picture.tiers.get('t')).toBe(4);
    expect(picture.saleState).toBe('paused');
    expect(picture.sequence).toBe(9);
  });

  test('knows already what it has, takes what overlaps, and misses what it lacks', () => {
    const picture = new Picture();
    picture.apply(snapshot(7));
    expect(picture.apply(delta(5, 7, { seats: { s: [0] } }))).toEqual({ kind: 'known' });
    expect(picture.states[0]).toBe(AVAILABLE);
    expect(picture.apply(delta(9, 10, { seats: { s: [0] } }))).toEqual({ kind: 'missed' });
    expect(picture.states[0]).toBe(AVAILABLE);
    expect(picture.apply(delta(6, 8, { seats: { s: [0] } })).kind).toBe('changed');
    expect(picture.states[0]).toBe(SOLD);
  });

  test('forgets nothing while the inventory is counted again', () => {
    const picture = new Picture();
    picture.apply(snapshot(7));
    expect(picture.apply({ type: 'rebuilding' })).toEqual({ kind: 'rebuilding' });
    expect(picture.seatsAvailable).toBe(2);
    picture.apply(snapshot(1_000_000_001, 'aaaa'));
    expect(picture.seatsAvailable).toBe(4);
  });

  test('before its first snapshot everything was missed', () => {
    expect(new Picture().apply(delta(3, 4)).kind).toBe('missed');
  });
});
