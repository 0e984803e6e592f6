/** What every seat looks like to this visitor: the feed's states with the visitor's own seats over them. Pure. */
import { AVAILABLE, HELD, RESERVED } from '../live/picture';
import { Look } from './looks';

/** The visitor's own seats, by index. */
export interface Mine {
  chosen: ReadonlySet<number>;
  /** Held, asked for, reserved or bought. */
  mine: ReadonlySet<number>;
}

/** A seat's look by its state alone. */
export function lookOfState(state: number | undefined): Look {
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
export function lookOf(seat: number, states: Uint8Array, { chosen, mine }: Mine): Look {
  if (mine.has(seat)) return Look.mine;
  if (chosen.has(seat)) return Look.chosen;
  return lookOfState(states[seat]);
}

/** Every seat's look, one byte each. */
export function looksOf(states: Uint8Array, { chosen, mine }: Mine): Uint8Array<ArrayBuffer> {
  const looks = new Uint8Array(states.length);
  for (let seat = 0; seat < states.length; seat += 1) looks[seat] = lookOfState(states[seat]);
  for (const seat of chosen) looks[seat] = Look.chosen;
  for (const seat of mine) looks[seat] = Look.mine;
  return looks;
}

/** Chosen seats that somebody else has meanwhile. */
export function lostSeats(chosen: Iterable<number>, states: Uint8Array): number[] {
  return [...chosen].filter((seat) => states[seat] !== undefined && states[seat] !== AVAILABLE);
}
