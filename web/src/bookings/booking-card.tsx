import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { noticeOf } from '../api/problems';
import type { BookingView, EventView } from '../api/types';
import { cancelBooking, payBooking } from '../purchase/calls';
import { itemsText } from '../purchase/items';
import { useTimeLeft } from '../time/clock';
import { dateTime, duration, money } from '../time/format';
import { Button } from '../ui/button';
import { Notice } from '../ui/notice';

const statuses: Record<BookingView['status'], { text: string; colours: string }> = {
  reserved: { text: 'Payment due', colours: 'border-warn text-warn' },
  confirmed: { text: 'Paid', colours: 'border-good text-good' },
  cancelled: { text: 'Cancelled', colours: 'border-edge text-muted' },
  expired: { text: 'Not paid in time', colours: 'border-edge text-muted' },
};

export function BookingCard({ booking, event }: { booking: BookingView; event: EventView | undefined }) {
  const { text, colours } = statuses[booking.status];
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
        <span className="font-medium">{itemsText(booking, event)}</span>
        <span className="font-semibold">{money(booking.amount_minor, booking.currency)}</span>
      </p>
      <p className="text-sm text-muted">
        Reference <code className="font-semibold text-ink">{booking.reference}</code> · made{' '}
        {dateTime(booking.created_at)}
      </p>
      {booking.status === 'reserved' && <PayWithin until={booking.payment_due_at} />}
      <BookingActions booking={booking} />
    </article>
  );
}

/** Pays or, asked twice, cancels. */
function BookingActions({ booking }: { booking: BookingView }) {
  const queries = useQueryClient();
  const [isAsking, setIsAsking] = useState(false);
  const onSettled = () => {
    setIsAsking(false);
    return queries.invalidateQueries({ queryKey: ['bookings'] });
  };
  const pay = useMutation({ mutationFn: () => payBooking(booking), onSettled });
  const cancel = useMutation({ mutationFn: () => cancelBooking(booking), onSettled });
  const isBusy = pay.isPending || cancel.isPending;
  // The latest of the two says how it stands.
  const error = pay.submittedAt > cancel.submittedAt ? pay.error : cancel.error;
  const isLive = booking.status === 'reserved' || booking.status === 'confirmed';
  return (
    <>
      <div aria-live="assertive">{error && <Notice notice={noticeOf(error)} />}</div>
      {isLive && isAsking && (
        <fieldset className="flex flex-wrap items-center gap-2">
          <legend className="mb-2 font-medium">Give the tickets back?</legend>
          <Button ref={focused} isOff={isBusy} onClick={() => cancel.mutate()}>
            Yes, cancel it
          </Button>
          <Button isOff={isBusy} onClick={() => setIsAsking(false)}>
            Keep it
          </Button>
        </fieldset>
      )}
      {isLive && !isAsking && (
        <div className="flex flex-wrap gap-2">
          {booking.status === 'reserved' && (
            <Button look="primary" isOff={isBusy} onClick={() => pay.mutate()}>
              Pay {money(booking.amount_minor, booking.currency)}
            </Button>
          )}
          <Button isOff={isBusy} onClick={() => setIsAsking(true)}>
            Cancel booking
          </Button>
        </div>
      )}
    </>
  );
}

/** The question takes the place of the button that had the focus. */
function focused(button: HTMLButtonElement | null) {
  button?.focus();
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
