import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { bookingsQuery, eventQuery } from '../api/queries';
import { useSession } from '../api/session';
import type { BookingView } from '../api/types';
import { dateTime } from '../time/format';
import { Loading } from '../ui/loading';
import { Pager } from '../ui/pager';
import { Trouble } from '../ui/trouble';
import { usePageTitle } from '../ui/use-page-title';
import { BookingCard } from './booking-card';

const EVERY_MS = 5_000;

export function BookingsPage() {
  usePageTitle('My bookings');
  const [page, setPage] = useState(1);
  const bookings = useQuery({
    ...bookingsQuery(page),
    refetchInterval: EVERY_MS,
    placeholderData: keepPreviousData,
  });
  const eventIds = [...new Set(bookings.data?.items.map((booking) => booking.event_id))];
  const events = useQueries({
    queries: eventIds.map((id) => ({ ...eventQuery(id), refetchInterval: false as const })),
  });
  const eventOf = (booking: BookingView) =>
    events.find((event) => event.data?.event_id === booking.event_id)?.data;
  const session = useSession();
  return (
    <>
      <h1 className="mt-4 mb-2 text-3xl font-bold tracking-tight">My bookings</h1>
      <p className="mb-6 text-muted">
        Kept for this browser alone{session && `, until ${dateTime(session.expires_at)}`}. Write down your
        references.
      </p>
      {bookings.isPending && <Loading what="your bookings" />}
      {bookings.isError && <Trouble error={bookings.error} again={() => bookings.refetch()} />}
      {bookings.data?.items.length === 0 && (
        <p className="text-muted">
          None yet.{' '}
          <Link to="/" className="text-accent underline">
            See what is on
          </Link>
          .
        </p>
      )}
      {bookings.data && (
        <>
          <ul className="flex flex-col gap-4">
            {bookings.data.items.map((booking) => (
              <li key={booking.booking_id}>
                <BookingCard booking={booking} event={eventOf(booking)} />
              </li>
            ))}
          </ul>
          <Pager pages={bookings.data} go={setPage} />
        </>
      )}
    </>
  );
}
