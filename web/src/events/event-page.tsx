import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo } from 'react';
import { Link, useParams } from 'react-router';
import { codeOf } from '../api/problems';
import { bookingsQuery, eventQuery } from '../api/queries';
import { useSession } from '../api/session';
import type { EventView } from '../api/types';
import type { LiveSummary } from '../live/connection';
import { useLive, useSummary } from '../live/use-live';
import { seatIndex, seatingOf } from '../map/seating';
import { PurchasePanel } from '../purchase/purchase-panel';
import { usePurchase } from '../purchase/use-purchase';
import { useServerNow } from '../time/clock';
import { count, dateTime, priceRange } from '../time/format';
import { Loading } from '../ui/loading';
import { Trouble } from '../ui/trouble';
import { usePageTitle } from '../ui/use-page-title';
import { LiveBadge } from './live-badge';
import { PhaseBadge } from './phase-badge';
import { availableOf, pricesOf, salePhase } from './sale';
import { SaleNotice } from './sale-notice';
import { TierPicker } from './tier-picker';

/** The visitor's bookings may end in another tab, or by themselves. */
const BOOKINGS_EVERY_MS = 15_000;

const SeatPicker = lazy(() => import('../map/seat-picker'));

export function EventPage() {
  const { eventId = '' } = useParams();
  const event = useQuery(eventQuery(eventId));
  if (event.data) return <Sale event={event.data} key={eventId} />;
  if (event.isPending) return <Loading what="the event" />;
  const isUnknown = codeOf(event.error) === 'not_found' || codeOf(event.error) === 'malformed';
  if (!isUnknown) return <Trouble error={event.error} again={() => event.refetch()} />;
  return (
    <section className="py-16 text-center">
      <h1 className="text-2xl font-bold">There is no such event</h1>
      <p className="mt-2 text-muted">
        Perhaps it is over. Back to{' '}
        <Link to="/" className="text-accent underline">
          the events
        </Link>
        .
      </p>
    </section>
  );
}

function Sale({ event: read }: { event: EventView }) {
  usePageTitle(read.name);
  const live = useLive(read.event_id);
  const summary = useSummary(live);
  const event = useMemo(() => withLive(read, summary), [read, summary]);
  const seating = useMemo(() => seatingOf(read.sections), [read.sections]);
  const [purchase, actions] = usePurchase(event, seating);
  const owned = useOwnedSeats(event.event_id, seating);
  const available = availableOf(event);
  const phase = salePhase(event, event.sale_state, available, useServerNow());
  const isChoosing = purchase.step.name === 'choosing';

  return (
    <>
      <div className="mt-4 mb-6 flex flex-wrap items-start gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1">
          <h1 className="text-3xl font-bold tracking-tight">{event.name}</h1>
          <p className="mt-1 text-muted">
            <time dateTime={event.starts_at}>{dateTime(event.starts_at)}</time> · {event.venue} ·{' '}
            {priceRange(pricesOf(event), event.currency)}
          </p>
        </div>
        <div className="flex items-center gap-3">
          <PhaseBadge phase={phase} />
          <LiveBadge status={summary.status} />
        </div>
      </div>
      <SaleNotice event={event} phase={phase} status={summary.status} />
      <div className="mt-4 grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_21rem]">
        <div className="flex min-w-0 flex-col gap-6">
          {event.tiers.length > 0 && (
            <TierPicker
              event={event}
              choice={purchase.choice}
              choose={actions.chooseTier}
              isEnabled={isChoosing && phase === 'open'}
            />
          )}
          {event.seats_total > 0 && (
            <section aria-labelledby="seats-heading" className="card">
              <div className="mb-3 flex flex-wrap items-baseline justify-between gap-2">
                <h2 id="seats-heading" className="text-xl font-semibold">
                  Seats
                </h2>
                <p className="text-sm text-muted" data-testid="seats-available">
                  {typeof event.seats_available === 'number'
                    ? `${count(event.seats_available)} of ${count(event.seats_total)} free`
                    : 'counting …'}
                </p>
              </div>
              <Suspense fallback={<Loading what="the seat map" />}>
                <SeatPicker
                  seating={seating}
                  currency={event.currency}
                  live={live}
                  purchase={purchase}
                  owned={owned}
                  isEnabled={isChoosing && phase === 'open' && summary.isKnown}
                  toggle={actions.toggleSeat}
                  lose={actions.loseSeats}
                />
              </Suspense>
            </section>
          )}
        </div>
        <PurchasePanel event={event} seating={seating} purchase={purchase} actions={actions} phase={phase} />
      </div>
    </>
  );
}

/** The event with the numbers the feed knows better. */
function withLive(event: EventView, live: LiveSummary): EventView {
  const isKnown = live.status !== 'rebuilding';
  if (!live.isKnown && isKnown) return event;
  return {
    ...event,
    sale_state: live.isKnown ? live.saleState : event.sale_state,
    seats_available: isKnown ? live.seatsAvailable : null,
    tiers: event.tiers.map((tier) => ({
      ...tier,
      available: isKnown ? (live.tiers.get(tier.tier_id) ?? tier.available) : null,
    })),
  };
}

/** Indexes of the seats the visitor has booked. */
function useOwnedSeats(eventId: string, seating: ReturnType<typeof seatingOf>): ReadonlySet<number> {
  const isKnown = useSession() !== undefined;
  const bookings = useQuery({ ...bookingsQuery(1), enabled: isKnown, refetchInterval: BOOKINGS_EVERY_MS });
  return useMemo(() => {
    const mine = (bookings.data?.items ?? []).filter(
      (booking) => booking.event_id === eventId && ['reserved', 'confirmed'].includes(booking.status),
    );
    const seats = mine.flatMap((booking) => booking.seats.map((label) => seatIndex(seating, label)));
    return new Set(seats.filter((seat) => seat !== undefined));
  }, [bookings.data, eventId, seating]);
}
