import { useEffect, useRef } from 'react';
import { useTimeLeft } from '../time/clock';
import { duration, spokenDuration } from '../time/format';

interface Props {
  /** The server's deadline. */
  until: string;
  label: string;
  whenOver: () => void;
  /** While a request that decides is under way, the end is the service's to tell. */
  isPaused: boolean;
}

/** Below this much, it looks urgent. */
const URGENT_MS = 30_000;
/** Said aloud when these are left, and no oftener. */
const SPOKEN_AT_MS = [120_000, 60_000, 30_000, 10_000];

/** Counts down to the server's deadline by the server's clock. */
export function Countdown({ until, label, whenOver, isPaused }: Props) {
  const left = useTimeLeft(until);
  const over = useRef(whenOver);
  useEffect(() => {
    over.current = whenOver;
  });
  const isOver = left === 0 && !isPaused;
  useEffect(() => {
    if (isOver) over.current();
  }, [isOver]);
  const spoken = SPOKEN_AT_MS.findLast((mark) => left <= mark);
  return (
    <div className="flex items-baseline justify-between gap-3">
      <span className="text-muted">{label}</span>
      <span
        role="timer"
        className={`text-2xl font-bold tabular-nums ${left <= URGENT_MS ? 'text-bad' : ''}`}
        data-testid="countdown"
      >
        {duration(left)}
      </span>
      <span role="status" className="sr-only">
        {spoken !== undefined && left > 0 && `${label} ${spokenDuration(spoken)}`}
      </span>
    </div>
  );
}
