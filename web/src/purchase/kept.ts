/**
 * What this browser must not lose of purchases under way, by event: the ids of holds and unpaid bookings (a booking keeps
 * its hold's id), and seats that were asked for without an answer having come. Tabs share it, so each takes out only its own.
 */
import { recall, remember } from '../storage';

/** More than anybody has under way; the oldest are forgotten first. */
const KEPT_MAX = 40;

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

/** Asked for by this tab: an answer that does not come is this tab's to deal with. */
const asking = new Set<string>();
/** After this long no request is under way any more: what another tab left behind is anybody's to deal with. */
const UNDER_WAY_MAX_MS = 60_000;

/** Labels of seats that may be ours without our knowing the hold, and that no other tab is still asking for. */
export function askedSeats(eventId: string): string[] {
  const entries = read('asked', eventId).map((entry) => entry.split(' '));
  const isOurs = ([label = '', since]: string[]) =>
    asking.has(`${eventId} ${label}`) || Date.now() - Number(since) > UNDER_WAY_MAX_MS;
  return entries.filter(isOurs).map(([label = '']) => label);
}

export function keepAsked(eventId: string, labels: readonly string[]) {
  for (const label of labels) asking.add(`${eventId} ${label}`);
  keep(
    'asked',
    eventId,
    labels.map((label) => `${label} ${Date.now()}`),
  );
}

export function dropAsked(eventId: string, labels: readonly string[]) {
  for (const label of labels) asking.delete(`${eventId} ${label}`);
  drop(
    'asked',
    eventId,
    read('asked', eventId).filter((entry) => labels.includes(entry.split(' ')[0] ?? '')),
  );
}
