import { useEffect, useMemo } from 'react';
import type { LiveConnection } from '../live/connection';
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
  const { seating, currency, live, purchase, owned, isEnabled, toggle, lose } = props;
  const layout = useMemo(() => layoutOf(seating), [seating]);
  const theme = useTheme();
  const mine = useMemo(() => mineOf(purchase, owned, seating), [purchase, owned, seating]);
  const isChoosing = purchase.step.name === 'choosing';

  useEffect(() => {
    if (!isChoosing || mine.chosen.size === 0) return;
    return live?.subscribeSeats(() => {
      const lost = lostSeats(mine.chosen, live.picture.states);
      if (lost.length > 0) lose(lost);
    });
  }, [live, mine, isChoosing, lose]);

  const toggleFree = (seat: number) => {
    const isFree =
      !mine.mine.has(seat) && lostSeats([seat], live?.picture.states ?? new Uint8Array(0)).length === 0;
    if (isFree || mine.chosen.has(seat)) toggle(seat);
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

/** Seats asked for are shown as the visitor's before the answer is there. */
function mineOf({ step, choice }: Purchase, owned: ReadonlySet<number>, seating: Seating): Mine {
  const mine = new Set(owned);
  if (step.name === 'choosing') return { chosen: new Set(choice.seats), mine };
  if (step.name === 'holding') for (const seat of choice.seats) mine.add(seat);
  const labels = 'hold' in step ? step.hold.seats : 'booking' in step ? step.booking.seats : [];
  for (const label of labels) {
    const seat = seatIndex(seating, label);
    if (seat !== undefined) mine.add(seat);
  }
  return { chosen: new Set(), mine };
}
