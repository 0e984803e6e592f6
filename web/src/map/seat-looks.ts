/** What every seat looks like to this visitor: the feed's states with the visitor's own seats over them. Pure. */
import type { LiveConnection } from '../live/connection';
import { AVAILABLE, HELD, RESERVED, SOLD } from '../live/picture';
import { Look } from './looks';
import type { Seating } from './seating';

/** What the map and the list show alike. */
export interface Shown {
  seating: Seating;
  currency: string;
  live: LiveConnection | undefined;
  mine: Mine;
  isEnabled: boolean;
  toggle: (seat: number) => void;
}

/** The visitor's own seats, by index. */
export interface Mine {
  chosen: ReadonlySet<number>;
  /** Asked for, or part of the purchase under way: known before the feed has it. */
  mine: ReadonlySet<number>;
  /** Of bookings: the visitor's as long as the feed says that somebody has booked them. */
  owned: ReadonlySet<number>;
}

/** A seat's look by its state alone. */
function lookOfState(state: number | undefined): Look {
  switch (state) {
    case AVAILABLE:
      return Look.available;
    case HELD:
      return Look.held;
    case RESERVED:
      return Look.reserved;
    default:
      return Look.sold;
  }
}

/** A seat's look. */
export function lookOf(seat: number, states: Uint8Array, { chosen, mine, owned }: Mine): Look {
  const state = states[seat];
  if (mine.has(seat) || (owned.has(seat) && (state === RESERVED || state === SOLD))) return Look.mine;
  if (chosen.has(seat)) return Look.chosen;
  return lookOfState(state);
}

/** Every seat's look, one byte each. */
export function looksOf(states: Uint8Array, own: Mine): Uint8Array<ArrayBuffer> {
  const looks = new Uint8Array(states.length);
  for (let seat = 0; seat < states.length; seat += 1) looks[seat] = lookOfState(states[seat]);
  for (const seats of [own.chosen, own.mine, own.owned]) {
    for (const seat of seats) looks[seat] = lookOf(seat, states, own);
  }
  return looks;
}

/** Chosen seats that somebody else has meanwhile. */
export function lostSeats(chosen: Iterable<number>, states: Uint8Array): number[] {
  return [...chosen].filter((seat) => states[seat] !== undefined && states[seat] !== AVAILABLE);
}
