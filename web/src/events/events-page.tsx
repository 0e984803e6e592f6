import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { eventsQuery } from '../api/queries';
import type { EventView } from '../api/types';
import { useServerNow } from '../time/clock';
import { count, dateTime, duration, priceRange } from '../time/format';
import { Loading } from '../ui/loading';
import { Pager } from '../ui/pager';
import { Trouble } from '../ui/trouble';
import { usePageTitle } from '../ui/use-page-title';
import { PhaseBadge } from './phase-badge';
import { availableOf, capacityOf, pricesOf, salePhase } from './sale';

export function EventsPage() {
  usePageTitle('Events');
  const [page, setPage] = useState(1);
  const events = useQuery({ ...eventsQuery(page), placeholderData: keepPreviousData });
  return (
    <>
      <h1 className="mt-4 mb-6 text-3xl font-bold tracking-tight">What is on</h1>
      {events.isPending && <Loading what="events" />}
      {events.isError && <Trouble error={events.error} again={() => events.refetch()} />}
      {events.data && (
        <>
          {events.data.items.length === 0 && <p className="text-muted">Nothing is on sale yet.</p>}
          <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
            {events.data.items.map((event) => (
              <li key={event.event_id}>
                <EventCard event={event} />
              </li>
            ))}
          </ul>
          <Pager pages={events.data} go={setPage} />
        </>
      )}
    </>
  );
}

function EventCard({ event }: { event: EventView }) {
  const now = useServerNow();
  const available = availableOf(event);
  const capacity = capacityOf(event);
  const phase = salePhase(event, event.sale_state, available, now);
  return (
    <article className="card relative flex h-full flex-col gap-3 motion-safe:transition-shadow focus-within:shadow-md hover:shadow-md">
      <div className="flex items-start justify-between gap-3">
        <h2 className="text-lg leading-snug font-semibold">
          <Link to={`/events/${event.event_id}`} className="rounded after:absolute after:inset-0">
            {event.name}
          </Link>
        </h2>
        <PhaseBadge phase={phase} />
      </div>
      <p className="text-sm text-muted">
        <time dateTime={event.starts_at}>{dateTime(event.starts_at)}</time>
        <br />
        {event.venue}
      </p>
      <div className="mt-auto flex items-end justify-between gap-3">
        <p className="font-semibold">{priceRange(pricesOf(event), event.currency)}</p>
        <p className="text-right text-sm text-muted">
          {phase === 'not-yet' && `on sale in ${duration(Date.parse(event.on_sale_at) - now)}`}
          {phase !== 'not-yet' && available !== null && `${count(available)} of ${count(capacity)} left`}
        </p>
      </div>
      <Remaining share={available === null ? 0 : available / capacity} />
    </article>
  );
}

/** How much is left, as a bar beside the number. */
function Remaining({ share }: { share: number }) {
  return (
    <svg
      viewBox="0 0 100 2"
      preserveAspectRatio="none"
      aria-hidden="true"
      className="h-1.5 w-full rounded-full"
    >
      <rect width="100" height="2" className="fill-raised" />
      <rect width={100 * share} height="2" className="fill-accent" />
    </svg>
  );
}
