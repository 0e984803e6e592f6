import type { Notice as Telling } from '../api/problems';
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
  const connection = connections[status];
  if (connection) return <Said notice={{ kind: 'failure', text: connection }} />;
  if (phase === 'open') return null;
  if (phase === 'not-yet') return <NotYet opensAt={event.on_sale_at} />;
  return <Said notice={reasons[phase]} />;
}

const connections: Partial<Record<LiveStatus, string>> = {
  offline: 'You are offline. What you see may be old; we go on as soon as you are back.',
  reconnecting: 'The live view was lost and is being joined again.',
  barred: 'The live view is not open to this page. Load it again from the address you were given.',
};

const reasons: Record<Exclude<SalePhase, 'open' | 'not-yet'>, Telling> = {
  paused: { kind: 'news', text: 'The sale is paused. What you hold stays yours until its deadline.' },
  'sold-out': {
    kind: 'news',
    text: 'Sold out. Tickets that are not paid for in time come back here by themselves, so it is worth a look.',
  },
  rebuilding: {
    kind: 'failure',
    text: 'Tickets are being counted again. This takes a few seconds; bookings are safe.',
  },
  over: { kind: 'news', text: 'This event is over.' },
};

function Said({ notice }: { notice: Telling }) {
  return (
    <div role="status">
      <Notice notice={notice} />
    </div>
  );
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
