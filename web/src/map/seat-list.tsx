import { useId, useState, useSyncExternalStore } from 'react';
import type { LiveConnection } from '../live/connection';
import { money } from '../time/format';
import { LOOKS, Look } from './looks';
import { lookOf, type Mine } from './seat-looks';
import { type Block, type Seating, seatLabel } from './seating';

interface Props {
  seating: Seating;
  currency: string;
  live: LiveConnection | undefined;
  mine: Mine;
  isEnabled: boolean;
  toggle: (seat: number) => void;
}

/** The same seats as the map's, one row at a time, for keyboard and screen reader. */
export function SeatList({ seating, currency, live, mine, isEnabled, toggle }: Props) {
  const [section, setSection] = useState(0);
  const [row, setRow] = useState(1);
  const id = useId();
  const block = seating.blocks[section] ?? seating.blocks[0];
  useSeatChanges(live);
  if (!block) return null;
  const states = live?.picture.states ?? new Uint8Array(0);
  const first = block.first + (Math.min(row, block.rows) - 1) * block.seats_per_row;
  const seats = Array.from({ length: block.seats_per_row }, (_, number) => first + number);
  const free = seats.filter((seat) => lookOf(seat, states, mine) === Look.available).length;
  return (
    <details className="mt-4 rounded-xl border border-line p-4" data-testid="seat-list">
      <summary className="cursor-pointer font-medium">Choose seats from a list</summary>
      <div className="mt-3 flex flex-wrap gap-3">
        <div className="min-w-40 flex-1">
          <label htmlFor={`${id}-section`} className="mb-1 block text-sm text-muted">
            Section
          </label>
          <select
            id={`${id}-section`}
            className="field"
            value={section}
            onChange={(event) => {
              setSection(Number(event.target.value));
              setRow(1);
            }}
          >
            {seating.blocks.map((block, index) => (
              <option key={block.name} value={index}>
                {sectionText(block, currency)}
              </option>
            ))}
          </select>
        </div>
        <div className="min-w-28 flex-1">
          <label htmlFor={`${id}-row`} className="mb-1 block text-sm text-muted">
            Row
          </label>
          <select
            id={`${id}-row`}
            className="field"
            value={row}
            onChange={(event) => setRow(Number(event.target.value))}
          >
            {Array.from({ length: block.rows }, (_, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows are their numbers
              <option key={index} value={index + 1}>
                Row {index + 1}
              </option>
            ))}
          </select>
        </div>
      </div>
      <p role="status" className="mt-3 text-sm text-muted">
        {free} of {seats.length} seats free in section {block.name}, row {row}
      </p>
      <ul className="mt-2 flex flex-wrap gap-1.5" aria-label={`Seats of section ${block.name}, row ${row}`}>
        {seats.map((seat, index) => (
          <li key={seat}>
            <SeatButton
              label={seatLabel(seating, seat)}
              number={index + 1}
              price={money(block.price_minor, currency)}
              look={lookOf(seat, states, mine)}
              isEnabled={isEnabled}
              toggle={() => toggle(seat)}
            />
          </li>
        ))}
      </ul>
    </details>
  );
}

interface SeatButtonProps {
  label: string;
  number: number;
  price: string;
  look: Look;
  isEnabled: boolean;
  toggle: () => void;
}

const colours: Record<Look, string> = {
  [Look.available]: 'border-seat-available',
  [Look.chosen]: 'border-4 border-double border-seat-mine font-bold',
  [Look.mine]: 'border-seat-mine bg-raised font-bold',
  [Look.held]: 'border-dashed border-seat-held text-muted',
  [Look.reserved]: 'border-dotted border-seat-reserved text-muted',
  [Look.sold]: 'border-seat-sold text-muted line-through',
};

function SeatButton({ label, number, price, look, isEnabled, toggle }: SeatButtonProps) {
  const canChoose = isEnabled && (look === Look.available || look === Look.chosen);
  return (
    <button
      type="button"
      aria-pressed={look === Look.chosen || look === Look.mine}
      aria-disabled={!canChoose}
      aria-label={`Seat ${label}, ${price}, ${(LOOKS[look]?.text ?? '').toLowerCase()}`}
      className={`size-11 rounded-lg border-2 tabular-nums ${colours[look]} ${canChoose ? 'cursor-pointer hover:bg-raised' : 'cursor-not-allowed'}`}
      onClick={() => canChoose && toggle()}
    >
      {number}
    </button>
  );
}

function sectionText(block: Block, currency: string): string {
  return `${block.name} (${money(block.price_minor, currency)})`;
}

/** Draws again whenever seats changed. */
function useSeatChanges(live: LiveConnection | undefined) {
  useSyncExternalStore(
    (changed) => live?.subscribeSeats(changed) ?? (() => {}),
    () => live?.picture.sequence ?? -1,
  );
}
