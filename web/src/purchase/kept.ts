/**
 * What this browser must not lose of purchases under way, by event: the ids of holds and unpaid bookings (a booking keeps
 * its hold's id), and seats that were asked for without an answer having come. Tabs share it, so each takes out only its own.
 */
import { recall, remember } from '../storage';

/** More than anybody has under way; the oldest are forgotten first. */
const KEPT_MAX = 20;

type What = 'holds' | 'asked';

function read(what: What, eventId: string): string[] {
  try {
    const kept = JSON.parse(recall(`onsale.${what}.${eventId}`) ?? '[]');
    return Array.isArray(kept) ? kept.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

function keep(what: What, eventId: string, items: readonly string[]) {
  const others = read(what, eventId).filter((item) => !items.includes(item));
  remember(`onsale.${what}.${eventId}`, JSON.stringify([...others, ...items].slice(-KEPT_MAX)));
}

function drop(what: What, eventId: string, items: readonly string[]) {
  const left = read(what, eventId).filter((item) => !items.includes(item));
  remember(`onsale.${what}.${eventId}`, JSON.stringify(left));
}

/** Ids of holds and unpaid bookings, oldest first. */
export const keptHolds = (eventId: string) => read('holds', eventId);
export const keepHold = (eventId: string, id: string) => keep('holds', eventId, [id]);
export const dropHold = (eventId: string, id: string) => drop('holds', eventId, [id]);

/** Labels of seats that may be ours without our knowing the hold. */
export const askedSeats = (eventId: string) => read('asked', eventId);
export const keepAsked = (eventId: string, labels: readonly string[]) => keep('asked', eventId, labels);
export const dropAsked = (eventId: string, labels: readonly string[]) => drop('asked', eventId, labels);
