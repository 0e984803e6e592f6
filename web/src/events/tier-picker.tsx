import type { EventView, TierView } from '../api/types';
import type { Choice } from '../purchase/purchase';
import { count, money } from '../time/format';
import { Button } from '../ui/button';
import { TICKETS_MAX } from './sale';

interface Props {
  event: EventView;
  choice: Choice;
  choose: (tierId: string, quantity: number) => void;
  isEnabled: boolean;
}

export function TierPicker({ event, choice, choose, isEnabled }: Props) {
  return (
    <section aria-labelledby="tiers-heading" className="card">
      <h2 id="tiers-heading" className="mb-3 text-xl font-semibold">
        Tickets
      </h2>
      <ul className="flex flex-col gap-3">
        {event.tiers.map((tier) => (
          <li key={tier.tier_id}>
            <Tier
              tier={tier}
              currency={event.currency}
              most={Math.min(TICKETS_MAX, event.per_customer_max)}
              quantity={choice.tierId === tier.tier_id ? choice.quantity : 0}
              choose={(quantity) => choose(tier.tier_id, quantity)}
              isEnabled={isEnabled}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}

interface TierProps {
  tier: TierView;
  currency: string;
  most: number;
  quantity: number;
  choose: (quantity: number) => void;
  isEnabled: boolean;
}

function Tier({ tier, currency, most, quantity, choose, isEnabled }: TierProps) {
  const available = tier.available ?? null;
  const isSoldOut = available !== null && available <= 0;
  const limit = Math.min(most, available ?? most);
  return (
    <div
      className={`flex flex-wrap items-center justify-between gap-3 rounded-xl border p-4 ${quantity > 0 ? 'border-accent' : 'border-line'}`}
    >
      <div>
        <h3 className="font-semibold">{tier.name}</h3>
        <p className="text-sm text-muted">
          {money(tier.price_minor, currency)} ·{' '}
          <span data-testid="tier-available">
            {available === null ? 'counting …' : isSoldOut ? 'sold out' : `${count(available)} left`}
          </span>
        </p>
      </div>
      <fieldset className="flex items-center gap-2">
        <legend className="sr-only">How many of {tier.name}</legend>
        <Button
          className="w-11 px-0"
          aria-label={`One ${tier.name} fewer`}
          isOff={!isEnabled || quantity <= 0}
          onClick={() => choose(quantity - 1)}
        >
          −
        </Button>
        <output className="w-8 text-center text-lg font-semibold tabular-nums" aria-live="polite">
          {quantity}
        </output>
        <Button
          className="w-11 px-0"
          aria-label={`One ${tier.name} more`}
          isOff={!isEnabled || quantity >= limit}
          onClick={() => choose(quantity + 1)}
        >
          +
        </Button>
      </fieldset>
    </div>
  );
}
