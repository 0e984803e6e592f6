import { useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { answer, guest } from '../api/client';
import { sentence } from '../api/problems';
import { bookingsQuery, eventQuery } from '../api/queries';
import type { BookingView, EventView } from '../api/types';
import { useTimeLeft } from '../time/clock';
import { dateTime, duration, money } from '../time/format';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Pager } from '../ui/pager';
import { Trouble } from '../ui/trouble';
import { usePageTitle } from '../ui/use-page-title';

export function BookingsPage() {
  usePageTitle('My bookings');
  const [page, setPage] = useState(1);
  const bookings = useQuery({ ...bookingsQuery(page), refetchInterval: 5_000 });
  const eventIds = [...new Set(bookings.data?.items.map((booking) => booking.event_id))];
  const events = useQueries({
    queries: eventIds.map((id) => ({ ...eventQuery(id), refetchInterval: false as const })),
  });
  const eventOf = (booking: BookingView) =>
    events.find((event) => event.data?.event_id === booking.event_id)?.data;
  return (
    <>
      <h1 className="mt-4 mb-6 text-3xl font-bold tracking-tight">My bookings</h1>
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

const statuses: Record<BookingView['status'], { text: string; colours: string }> = {
  reserved: { text: 'Payment due', colours: 'border-warn text-warn' },
  confirmed: { text: 'Paid', colours: 'border-good text-good' },
  cancelled: { text: 'Cancelled', colours: 'border-edge text-muted' },
  expired: { text: 'Not paid in time', colours: 'border-edge text-muted' },
};

function BookingCard({ booking, event }: { booking: BookingView; event: EventView | undefined }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const path = { booking_id: booking.booking_id };
  const done = () => {
    setAsking(false);
    return queries.invalidateQueries({ queryKey: ['bookings'] });
  };
  const pay = useMutation({
    mutationFn: () =>
      answer(
        guest.POST('/bookings/{booking_id}/confirm', {
          params: { path },
          body: { payment_reference: `demo-${booking.reference}` },
        }),
      ),
    onSettled: done,
  });
  const cancel = useMutation({
    mutationFn: () => answer(guest.POST('/bookings/{booking_id}/cancel', { params: { path } })),
    onSettled: done,
  });
  const isBusy = pay.isPending || cancel.isPending;
  const error = pay.error ?? cancel.error;
  const tier = event?.tiers.find((tier) => tier.tier_id === booking.tier_id);
  const what =
    booking.seats.length > 0 ? booking.seats.join(', ') : `${booking.quantity} × ${tier?.name ?? 'ticket'}`;
  const { text, colours } = statuses[booking.status];
  const isLive = booking.status === 'reserved' || booking.status === 'confirmed';
  return (
    <article className="card flex flex-col gap-3" data-testid="booking" data-status={booking.status}>
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div>
          <h2 className="text-lg font-semibold">
            <Link to={`/events/${booking.event_id}`} className="rounded hover:underline">
              {event?.name ?? 'Event'}
            </Link>
          </h2>
          {event && (
            <p className="text-sm text-muted">
              {dateTime(event.starts_at)} · {event.venue}
            </p>
          )}
        </div>
        <span className={`rounded-full border px-2.5 py-0.5 text-sm font-medium ${colours}`}>{text}</span>
      </div>
      <p className="flex flex-wrap justify-between gap-3">
        <span className="font-medium">{what}</span>
        <span className="font-semibold">{money(booking.amount_minor, booking.currency)}</span>
      </p>
      <p className="text-sm text-muted">
        Reference <code className="font-semibold text-ink">{booking.reference}</code> · made{' '}
        {dateTime(booking.created_at)}
      </p>
      {booking.status === 'reserved' && <PayWithin until={booking.payment_due_at} />}
      {error && <Notice kind="failure">{sentence(error)}</Notice>}
      {isLive && !asking && (
        <div className="flex flex-wrap gap-2">
          {booking.status === 'reserved' && (
            <button
              type="button"
              className="button button-primary"
              disabled={isBusy}
              onClick={() => pay.mutate()}
            >
              Pay {money(booking.amount_minor, booking.currency)}
            </button>
          )}
          <button type="button" className="button" disabled={isBusy} onClick={() => setAsking(true)}>
            Cancel booking
          </button>
        </div>
      )}
      {asking && (
        <fieldset className="flex flex-wrap items-center gap-2">
          <legend className="mb-2 font-medium">Give the tickets back?</legend>
          <button type="button" className="button" disabled={isBusy} onClick={() => cancel.mutate()}>
            Yes, cancel it
          </button>
          <button type="button" className="button" disabled={isBusy} onClick={() => setAsking(false)}>
            Keep it
          </button>
        </fieldset>
      )}
    </article>
  );
}

function PayWithin({ until }: { until: string }) {
  const left = useTimeLeft(until);
  return (
    <p className="text-sm">
      Pay within{' '}
      <span role="timer" className="font-semibold tabular-nums">
        {duration(left)}
      </span>
      , or the tickets go on sale again.
    </p>
  );
}
