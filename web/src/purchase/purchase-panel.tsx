import type { BookingView, EventView, HoldView } from '../api/types';
import type { SalePhase } from '../events/sale';
import { type Seating, seatLabel, seatPlace } from '../map/seating';
import { money } from '../time/format';
import { Notice } from '../ui/notice';
import { Countdown } from './countdown';
import type { Choice, Purchase } from './purchase';
import type { PurchaseActions } from './use-purchase';

interface Props {
  event: EventView;
  seating: Seating;
  purchase: Purchase;
  actions: PurchaseActions;
  phase: SalePhase;
}

/** What is being bought, and the next thing to do about it. */
export function PurchasePanel({ event, seating, purchase, actions, phase }: Props) {
  const { step, choice, notice } = purchase;
  // On a phone it stays in view over the map, once there is something to do.
  const isIdle = step.name === 'choosing' && choice.seats.length === 0 && choice.quantity === 0 && !notice;
  return (
    <aside
      aria-labelledby="purchase-heading"
      className={`card flex flex-col gap-4 shadow-lg lg:sticky lg:top-4 lg:bottom-auto ${isIdle ? '' : 'sticky bottom-3 z-20'}`}
      data-testid="purchase"
      data-step={step.name}
    >
      <h2 id="purchase-heading" className="text-xl font-semibold">
        {titles[step.name]}
      </h2>
      {notice && <Notice kind={notice.kind}>{notice.text}</Notice>}
      {(step.name === 'choosing' || step.name === 'holding') && (
        <Choosing
          event={event}
          seating={seating}
          choice={choice}
          hold={actions.hold}
          isHolding={step.name === 'holding'}
          isOpen={phase === 'open'}
        />
      )}
      {(step.name === 'held' || step.name === 'booking') && (
        <Held hold={step.hold} event={event} actions={actions} isBusy={step.name === 'booking'} />
      )}
      {(step.name === 'reserved' || step.name === 'paying') && (
        <Reserved booking={step.booking} event={event} actions={actions} isBusy={step.name === 'paying'} />
      )}
      {step.name === 'paid' && <Paid booking={step.booking} event={event} begin={actions.begin} />}
    </aside>
  );
}

const titles: Record<Purchase['step']['name'], string> = {
  choosing: 'Your choice',
  holding: 'Holding …',
  held: 'Held for you',
  booking: 'Booking …',
  reserved: 'Booked: payment due',
  paying: 'Paying …',
  paid: 'Yours',
};

interface ChoosingProps {
  event: EventView;
  seating: Seating;
  choice: Choice;
  hold: () => void;
  isHolding: boolean;
  isOpen: boolean;
}

function Choosing({ event, seating, choice, hold, isHolding, isOpen }: ChoosingProps) {
  const tier = event.tiers.find((tier) => tier.tier_id === choice.tierId);
  const seats = choice.seats.map((seat) => seatPlace(seating, seat).block.price_minor);
  const amount = tier ? tier.price_minor * choice.quantity : seats.reduce((sum, price) => sum + price, 0);
  const tickets = tier ? choice.quantity : seats.length;
  const labels = choice.seats.map((seat) => seatLabel(seating, seat));
  return (
    <>
      {tickets === 0 ? (
        <p className="text-muted">
          {event.seats_total > 0 ? 'Choose one or more seats.' : 'Choose how many tickets you want.'}
        </p>
      ) : (
        <Items
          what={tier ? `${tickets} × ${tier.name}` : labels.join(', ')}
          amount={money(amount, event.currency)}
        />
      )}
      <button
        type="button"
        className="button button-primary"
        disabled={tickets === 0 || isHolding || !isOpen}
        onClick={hold}
      >
        {tickets > 1 ? `Hold ${tickets} tickets` : 'Hold'}
      </button>
    </>
  );
}

function Items({ what, amount }: { what: string; amount: string }) {
  return (
    <p className="flex items-baseline justify-between gap-3">
      <span className="font-medium break-words" data-testid="items">
        {what}
      </span>
      <span className="text-lg font-semibold whitespace-nowrap">{amount}</span>
    </p>
  );
}

/** Seats by label, or a quantity by the tier's name. */
function named(what: HoldView | BookingView, event: EventView): string {
  if (what.seats.length > 0) return what.seats.join(', ');
  const tier = event.tiers.find((tier) => tier.tier_id === what.tier_id);
  return `${what.quantity} × ${tier?.name ?? 'ticket'}`;
}

interface HeldProps {
  hold: HoldView;
  event: EventView;
  actions: PurchaseActions;
  isBusy: boolean;
}

function Held({ hold, event, actions, isBusy }: HeldProps) {
  return (
    <>
      <Items what={named(hold, event)} amount={money(hold.amount_minor, hold.currency)} />
      <Countdown until={hold.expires_at} label="Yours for" whenOver={actions.ranOut} isPaused={isBusy} />
      <button type="button" className="button button-primary" disabled={isBusy} onClick={actions.book}>
        Book
      </button>
      <div className="grid grid-cols-2 gap-2">
        <button type="button" className="button" disabled={isBusy} onClick={actions.extend}>
          More time
        </button>
        <button type="button" className="button" disabled={isBusy} onClick={actions.release}>
          Release
        </button>
      </div>
    </>
  );
}

interface ReservedProps {
  booking: BookingView;
  event: EventView;
  actions: PurchaseActions;
  isBusy: boolean;
}

function Reserved({ booking, event, actions, isBusy }: ReservedProps) {
  return (
    <>
      <Items what={named(booking, event)} amount={money(booking.amount_minor, booking.currency)} />
      <Reference booking={booking} />
      <Countdown
        until={booking.payment_due_at}
        label="Pay within"
        whenOver={actions.ranOut}
        isPaused={isBusy}
      />
      <p className="text-sm text-muted">
        No money moves here: choose how the payment goes, or let the time run out.
      </p>
      <button type="button" className="button button-primary" disabled={isBusy} onClick={actions.pay}>
        Pay {money(booking.amount_minor, booking.currency)}
      </button>
      <div className="grid grid-cols-2 gap-2">
        <button type="button" className="button" disabled={isBusy} onClick={actions.decline}>
          Have it declined
        </button>
        <button type="button" className="button" disabled={isBusy} onClick={actions.cancel}>
          Cancel booking
        </button>
      </div>
    </>
  );
}

function Paid({ booking, event, begin }: { booking: BookingView; event: EventView; begin: () => void }) {
  return (
    <>
      <Notice kind="good">Paid. See you there!</Notice>
      <Items what={named(booking, event)} amount={money(booking.amount_minor, booking.currency)} />
      <Reference booking={booking} />
      <button type="button" className="button" onClick={begin}>
        Buy more
      </button>
    </>
  );
}

function Reference({ booking }: { booking: BookingView }) {
  return (
    <p className="text-sm text-muted">
      Reference{' '}
      <code className="font-semibold text-ink" data-testid="reference">
        {booking.reference}
      </code>
    </p>
  );
}
