/** The server's clock, as well as it can be known from here. The visitor's own may be wrong by hours. */
import { useEffect, useState } from 'react';

/** A sample is trusted over a better one after this long: clocks drift, machines sleep. */
const SAMPLE_GOOD_MS = 60_000;

let sample = { offsetMs: 0, roundTripMs: Number.POSITIVE_INFINITY, takenAt: 0 };

/** Takes in what the server said its time was, between two instants of our own clock. */
export function observe(serverTime: string, askedAt: number, answeredAt: number) {
  const roundTripMs = answeredAt - askedAt;
  const isStale = answeredAt - sample.takenAt > SAMPLE_GOOD_MS;
  if (roundTripMs > sample.roundTripMs && !isStale) return;
  const offsetMs = Date.parse(serverTime) - (askedAt + answeredAt) / 2;
  sample = { offsetMs, roundTripMs, takenAt: answeredAt };
}

/** Milliseconds since 1970 by the server's clock. */
export function serverNow(): number {
  return Date.now() + sample.offsetMs;
}

/** The server's time, renewed every `everyMs` while it is shown. */
export function useServerNow(everyMs = 1_000): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    setNow(serverNow());
    const timer = setInterval(() => setNow(serverNow()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Milliseconds left until an instant, never negative, renewed four times a second. */
export function useTimeLeft(until: string): number {
  return Math.max(0, Date.parse(until) - useServerNow(250));
}
