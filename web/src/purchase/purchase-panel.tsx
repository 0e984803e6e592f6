import type { BookingView, EventView, HoldView } from '../api/types';
import type { SalePhase } from '../events/sale';
import { type Seating, seatLabel, seatPlace } from '../map/seating';
import { money } from '../time/format';
import { Button } from '../ui/button';
import { Notice } from '../ui/notice';
import { useFocusOnChange } from '../ui/use-focus-on-change';
import { Countdown } from './countdown';
import { itemsText } from './items';
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
  const { step, choice, isBusy, notice } = purchase;
  const heading = useFocusOnChange(step.name);
  // On a phone it stays in view over the map, once there is something to do.
  const isIdle = step.name === 'choosing' && choice.seats.length === 0 && choice.quantity === 0 && !notice;
  return (
    <aside
      aria-labelledby="purchase-heading"
      className={`card flex flex-col gap-4 shadow-lg lg:sticky lg:top-4 lg:bottom-auto ${isIdle ? '' : 'sticky bottom-3 z-20'}`}
      data-testid="purchase"
      data-step={step.name}
    >
      <div>
        <h2 id="purchase-heading" ref={heading} tabIndex={-1} className="text-xl font-semibold">
          {titles[step.name]}
        </h2>
        <div aria-live="assertive" className="not-empty:mt-4">
          {notice && <Notice notice={notice} />}
        </div>
      </div>
      {(step.name === 'choosing' || step.name === 'holding') && (
        <Choosing
          event={event}
          seating={seating}
          choice={choice}
          hold={actions.hold}
          isBusy={isBusy || step.name === 'holding'}
          isOpen={phase === 'open'}
        />
      )}
      {(step.name === 'held' || step.name === 'booking') && (
        <Held hold={step.hold} event={event} actions={actions} isBusy={isBusy || step.name === 'booking'} />
      )}
      {(step.name === 'reserved' || step.name === 'paying') && (
        <Reserved
          booking={step.booking}
          event={event}
          actions={actions}
          isBusy={isBusy || step.name === 'paying'}
        />
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
  isBusy: boolean;
  isOpen: boolean;
}

function Choosing({ event, seating, choice, hold, isBusy, isOpen }: ChoosingProps) {
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
      <Button look="primary" isOff={tickets === 0 || isBusy || !isOpen} onClick={hold}>
        {tickets > 1 ? `Hold ${tickets} tickets` : 'Hold'}
      </Button>
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

interface HeldProps {
  hold: HoldView;
  event: EventView;
  actions: PurchaseActions;
  isBusy: boolean;
}

function Held({ hold, event, actions, isBusy }: HeldProps) {
  return (
    <>
      <Items what={itemsText(hold, event)} amount={money(hold.amount_minor, hold.currency)} />
      <Countdown until={hold.expires_at} label="Yours for" whenOver={actions.ranOut} isPaused={isBusy} />
      <Button look="primary" isOff={isBusy} onClick={actions.book}>
        Book
      </Button>
      <div className="grid grid-cols-2 gap-2">
        <Button isOff={isBusy} onClick={actions.extend}>
          More time
        </Button>
        <Button isOff={isBusy} onClick={actions.release}>
          Release
        </Button>
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
      <Items what={itemsText(booking, event)} amount={money(booking.amount_minor, booking.currency)} />
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
      <Button look="primary" isOff={isBusy} onClick={actions.pay}>
        Pay {money(booking.amount_minor, booking.currency)}
      </Button>
      <div className="grid grid-cols-2 gap-2">
        <Button isOff={isBusy} onClick={actions.decline}>
          Have it declined
        </Button>
        <Button isOff={isBusy} onClick={actions.cancel}>
          Cancel booking
        </Button>
      </div>
    </>
  );
}

function Paid({ booking, event, begin }: { booking: BookingView; event: EventView; begin: () => void }) {
  return (
    <>
      <Notice notice={{ kind: 'good', text: 'Paid. See you there!' }} />
      <Items what={itemsText(booking, event)} amount={money(booking.amount_minor, booking.currency)} />
      <Reference booking={booking} />
      <Button onClick={begin}>Buy more</Button>
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
