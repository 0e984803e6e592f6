import { useEffect, useEffectEvent, useMemo } from 'react';
import type { LiveConnection } from '../live/connection';
import { AVAILABLE } from '../live/picture';
import type { Purchase } from '../purchase/purchase';
import { useTheme } from './colours';
import { layoutOf } from './layout';
import { Legend } from './legend';
import { SeatCanvas } from './seat-canvas';
import { SeatList } from './seat-list';
import { lostSeats, type Mine } from './seat-looks';
import { type Seating, seatIndex } from './seating';

interface Props {
  seating: Seating;
  currency: string;
  live: LiveConnection | undefined;
  purchase: Purchase;
  /** Seats of the visitor's bookings. */
  owned: ReadonlySet<number>;
  isEnabled: boolean;
  toggle: (seat: number) => void;
  /** Chosen seats that somebody else has taken. */
  lose: (seats: readonly number[]) => void;
}

/** Seats to choose from: as a map, and as a list. */
export default function SeatPicker(props: Props) {
  const { seating, currency, live, purchase, owned, isEnabled, toggle } = props;
  const layout = useMemo(() => layoutOf(seating), [seating]);
  const theme = useTheme();
  const { step, choice } = purchase;
  const mine = useMemo(() => mineOf({ step, choice }, owned, seating), [step, choice, owned, seating]);
  useLosses(live, step.name === 'choosing', mine, props.lose);

  const toggleFree = (seat: number) => {
    if (mine.chosen.has(seat) || live?.picture.states[seat] === AVAILABLE) toggle(seat);
  };
  const shown = { seating, currency, live, mine, isEnabled, toggle: toggleFree };
  return (
    <>
      <SeatCanvas layout={layout} {...shown} />
      <div className="mt-3">
        <Legend theme={theme} />
      </div>
      <SeatList {...shown} />
    </>
  );
}

/** Watches the chosen seats while there is a choice. */
function useLosses(
  live: LiveConnection | undefined,
  isChoosing: boolean,
  { chosen }: Mine,
  lose: Props['lose'],
) {
  const look = useEffectEvent(() => {
    const lost = lostSeats(chosen, live?.picture.states ?? new Uint8Array(0));
    if (lost.length > 0) lose(lost);
  });
  const isWatching = isChoosing && chosen.size > 0;
  useEffect(() => {
    if (!isWatching) return;
    look();
    return live?.subscribeSeats(() => look());
  }, [live, isWatching]);
}

/** Seats asked for are shown as the visitor's before the answer is there. */
function mineOf(
  { step, choice }: Pick<Purchase, 'step' | 'choice'>,
  owned: ReadonlySet<number>,
  seating: Seating,
): Mine {
  if (step.name === 'choosing') return { chosen: new Set(choice.seats), mine: new Set(), owned };
  const labels = 'hold' in step ? step.hold.seats : 'booking' in step ? step.booking.seats : [];
  const seats = labels.map((label) => seatIndex(seating, label));
  const mine = new Set(seats.filter((seat) => seat !== undefined));
  if (step.name === 'holding') for (const seat of choice.seats) mine.add(seat);
  return { chosen: new Set(), mine, owned };
}
