/** What was measured, over the last minutes. Pure. */
import type { ActivityView, AuditView } from '../api/types';

/** Points kept: five minutes at one a second. */
export const POINTS_MAX = 300;

export interface Point {
  /** Milliseconds since 1970 by the server's clock. */
  at: number;
  sold: number;
  available: number;
  /** Since the point before, by attempts counted at the gate. */
  admittedPerSecond: number;
  refusedPerSecond: number;
}

export interface Series {
  points: readonly Point[];
  last: ActivityView | undefined;
}

export const noSeries: Series = { points: [], last: undefined };

/** Adds a reading. Counts that went back started over with Redis: what they say since is what is shown. */
export function extend(series: Series, activity: ActivityView, audit: AuditView): Series {
  const at = Date.parse(activity.server_time);
  const { last } = series;
  const seconds = last ? (at - Date.parse(last.server_time)) / 1_000 : 0;
  if (last && seconds <= 0) return series;
  const rate = (now: number, then: number) => (last ? (now >= then ? now - then : now) / seconds : 0);
  const point: Point = {
    at,
    sold: soldOf(audit),
    available: availableOf(audit),
    admittedPerSecond: rate(activity.admitted, last?.admitted ?? 0),
    refusedPerSecond: rate(refusedOf(activity), last ? refusedOf(last) : 0),
  };
  return { points: [...series.points, point].slice(-POINTS_MAX), last: activity };
}

export function refusedOf({ refused }: ActivityView): number {
  return refused.sold_out + refused.seat_taken + refused.limit_exceeded + refused.not_bookable;
}

export function soldOf({ tiers, seats }: AuditView): number {
  return tiers.reduce((sum, tier) => sum + tier.sold, seats.reserved + seats.sold);
}

export function availableOf({ tiers, seats }: AuditView): number {
  return tiers.reduce((sum, tier) => sum + tier.available, seats.available);
}

export function heldOf({ tiers, seats }: AuditView): number {
  return tiers.reduce((sum, tier) => sum + tier.held + tier.committing, seats.held + seats.committing);
}
