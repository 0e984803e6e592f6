/**
 * What is known of an event's inventory: the feed's messages, put together. Pure; docs/FEED.md has the protocol.
 */
import type { LiveMessage, SaleState } from '../api/types';

/** The letters of the feed, as character codes: a seat's state is one byte. */
export const AVAILABLE = 97; // a
export const HELD = 104; // h
export const RESERVED = 114; // r
export const SOLD = 115; // s

/** What a message did. */
export type Effect =
  /** These seats, by index, or all of them; tiers and the sale state may have changed too. */
  | { kind: 'changed'; seats: number[] | 'all' }
  /** Nothing new. */
  | { kind: 'known' }
  /** Something was missed before it: ask for a snapshot. */
  | { kind: 'missed' }
  /** The numbers are not known until the next message. */
  | { kind: 'rebuilding' };

export class Picture {
  sequence = -1;
  saleState: SaleState = 'open';
  /** One byte a seat, by index. */
  states = new Uint8Array(0);
  /** Seats nobody has. */
  seatsAvailable = 0;
  /** Tickets nobody has, by tier. */
  tiers: ReadonlyMap<string, number> = new Map();

  apply(message: LiveMessage): Effect {
    switch (message.type) {
      case 'rebuilding':
        return { kind: 'rebuilding' };
      case 'snapshot':
        this.sequence = message.sequence;
        this.saleState = message.sale_state;
        this.states = new TextEncoder().encode(message.states);
        this.seatsAvailable = this.states.reduce((free, state) => free + (state === AVAILABLE ? 1 : 0), 0);
        this.tiers = new Map(message.tiers.map((tier) => [tier.tier_id, tier.available]));
        return { kind: 'changed', seats: 'all' };
      case 'delta':
        if (message.sequence <= this.sequence) return { kind: 'known' };
        if (message.previous > this.sequence) return { kind: 'missed' };
        return { kind: 'changed', seats: this.take(message) };
    }
  }

  private take(delta: Extract<LiveMessage, { type: 'delta' }>): number[] {
    this.sequence = delta.sequence;
    this.saleState = delta.sale_state ?? this.saleState;
    const changed: number[] = [];
    for (const [letter, seats] of Object.entries(delta.seats ?? {})) {
      const state = letter.charCodeAt(0);
      for (const seat of seats) {
        if (this.states[seat] === AVAILABLE) this.seatsAvailable -= 1;
        if (state === AVAILABLE) this.seatsAvailable += 1;
        this.states[seat] = state;
        changed.push(seat);
      }
    }
    if (delta.tiers && delta.tiers.length > 0) {
      this.tiers = new Map([
        ...this.tiers,
        ...delta.tiers.map((tier) => [tier.tier_id, tier.available] as const),
      ]);
    }
    return changed;
  }
}
