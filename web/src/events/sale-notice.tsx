import type { EventView } from '../api/types';
import type { LiveStatus } from '../live/connection';
import { useTimeLeft } from '../time/clock';
import { dateTime, duration } from '../time/format';
import { Notice } from '../ui/notice';
import type { SalePhase } from './sale';

interface Props {
  event: EventView;
  phase: SalePhase;
  status: LiveStatus;
}

/** Why nothing can be bought right now, and what to expect. */
export function SaleNotice({ event, phase, status }: Props) {
  if (status === 'offline') {
    return (
      <Notice kind="failure">
        You are offline. What you see may be old; we go on as soon as you are back.
      </Notice>
    );
  }
  if (status === 'reconnecting') {
    return <Notice kind="failure">The live view was lost and is being joined again.</Notice>;
  }
  switch (phase) {
    case 'open':
      return null;
    case 'not-yet':
      return <NotYet opensAt={event.on_sale_at} />;
    case 'paused':
      return <Notice kind="news">The sale is paused. What you hold stays yours until its deadline.</Notice>;
    case 'sold-out':
      return (
        <Notice kind="news">
          Sold out. Tickets that are not paid for in time come back here by themselves, so it is worth a look.
        </Notice>
      );
    case 'rebuilding':
      return (
        <Notice kind="failure">
          Tickets are being counted again. This takes a few seconds; bookings are safe.
        </Notice>
      );
    case 'over':
      return <Notice kind="news">This event is over.</Notice>;
  }
}

function NotYet({ opensAt }: { opensAt: string }) {
  const left = useTimeLeft(opensAt);
  return (
    <div className="card flex flex-wrap items-baseline justify-between gap-3">
      <p>
        On sale from <time dateTime={opensAt}>{dateTime(opensAt)}</time>
      </p>
      <p role="timer" className="text-3xl font-bold tabular-nums" data-testid="opens-in">
        {duration(left)}
      </p>
    </div>
  );
}
