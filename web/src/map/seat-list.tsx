import { type KeyboardEvent, useId, useRef, useState, useSyncExternalStore } from 'react';
import { money } from '../time/format';
import { LOOKS, Look } from './looks';
import { lookOf, type Shown } from './seat-looks';
import { type Block, seatLabel } from './seating';

/** The same seats as the map's, one row at a time, for keyboard and screen reader. */
export function SeatList(props: Shown) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details
      className="mt-4 rounded-xl border border-line p-4"
      data-testid="seat-list"
      onToggle={(event) => setIsOpen(event.currentTarget.open)}
    >
      <summary className="cursor-pointer font-medium">Choose seats from a list</summary>
      {isOpen && <Rows {...props} />}
    </details>
  );
}

function Rows({ seating, currency, live, mine, isEnabled, toggle }: Shown) {
  const [section, setSection] = useState(0);
  const [row, setRow] = useState(1);
  const id = useId();
  const block = seating.blocks[section] ?? seating.blocks[0];
  useSyncExternalStore(live?.subscribeSeats ?? nobody, () => live?.picture.sequence ?? -1);
  if (!block) return null;
  const states = live?.picture.states ?? new Uint8Array(0);
  const first = block.first + (row - 1) * block.seats_per_row;
  const looks = Array.from({ length: block.seats_per_row }, (_, number) =>
    lookOf(first + number, states, mine),
  );
  const free = looks.filter((look) => look === Look.available).length;
  return (
    <>
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
      {states.length === 0 ? (
        <p className="mt-3 text-muted">Which seats are free is not known yet …</p>
      ) : (
        <>
          <p className="mt-3 text-sm text-muted">
            {free} of {looks.length} seats free in section {block.name}, row {row}. Arrow keys go from seat to
            seat.
          </p>
          <SeatRow
            key={first}
            title={`Seats of section ${block.name}, row ${row}`}
            labels={looks.map((_, number) => seatLabel(seating, first + number))}
            price={money(block.price_minor, currency)}
            looks={looks}
            isEnabled={isEnabled}
            toggle={(number) => toggle(first + number)}
          />
        </>
      )}
    </>
  );
}

interface SeatRowProps {
  title: string;
  labels: readonly string[];
  price: string;
  looks: readonly Look[];
  isEnabled: boolean;
  toggle: (number: number) => void;
}

/** One stop for Tab, however long the row: arrows go from seat to seat. */
function SeatRow({ title, labels, price, looks, isEnabled, toggle }: SeatRowProps) {
  const [current, setCurrent] = useState(0);
  const row = useRef<HTMLDivElement>(null);
  const go = (event: KeyboardEvent) => {
    const last = labels.length - 1;
    const targets: Record<string, number> = {
      ArrowLeft: Math.max(0, current - 1),
      ArrowRight: Math.min(last, current + 1),
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setCurrent(target);
    row.current?.querySelectorAll('button')[target]?.focus();
  };
  return (
    <div ref={row} role="toolbar" aria-label={title} className="mt-2 flex flex-wrap gap-1.5" onKeyDown={go}>
      {labels.map((label, number) => (
        <SeatButton
          key={label}
          label={label}
          number={number + 1}
          price={price}
          look={looks[number] ?? Look.sold}
          isEnabled={isEnabled}
          isCurrent={number === current}
          arrive={() => setCurrent(number)}
          toggle={() => toggle(number)}
        />
      ))}
    </div>
  );
}

interface SeatButtonProps {
  label: string;
  number: number;
  price: string;
  look: Look;
  isEnabled: boolean;
  isCurrent: boolean;
  arrive: () => void;
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

function SeatButton({ label, number, price, look, isEnabled, isCurrent, arrive, toggle }: SeatButtonProps) {
  const canChoose = isEnabled && (look === Look.available || look === Look.chosen);
  return (
    <button
      type="button"
      tabIndex={isCurrent ? 0 : -1}
      aria-pressed={look === Look.chosen || look === Look.mine}
      aria-disabled={!canChoose}
      aria-label={`Seat ${label}, ${price}, ${(LOOKS[look]?.text ?? '').toLowerCase()}`}
      className={`size-11 rounded-lg border-2 tabular-nums ${colours[look]} ${canChoose ? 'cursor-pointer hover:bg-raised' : 'cursor-not-allowed'}`}
      onFocus={arrive}
      onClick={() => canChoose && toggle()}
    >
      {number}
    </button>
  );
}

function sectionText(block: Block, currency: string): string {
  return `${block.name} (${money(block.price_minor, currency)})`;
}

/** For as long as there is no connection. */
function nobody() {
  return () => {};
}
