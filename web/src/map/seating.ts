/** Seats by index and by label, as `crates/contract/src/seat.rs` numbers them: sections in order, row by row. */
import type { Section } from '../api/types';

export interface Block extends Section {
  /** Index of its first seat. */
  first: number;
}

export interface Seating {
  blocks: readonly Block[];
  total: number;
}

export function seatingOf(sections: readonly Section[]): Seating {
  let total = 0;
  const blocks = sections.map((section) => {
    const block = { ...section, first: total };
    total += section.rows * section.seats_per_row;
    return block;
  });
  return { blocks, total };
}

/** Where a seat is, counted from 1 as its label does. */
export function seatPlace(seating: Seating, seat: number): { block: Block; row: number; number: number } {
  const block = seating.blocks.findLast((block) => block.first <= seat);
  if (!block || seat >= seating.total) throw new RangeError(`There is no seat ${seat}.`);
  const within = seat - block.first;
  return {
    block,
    row: Math.floor(within / block.seats_per_row) + 1,
    number: (within % block.seats_per_row) + 1,
  };
}

export function seatLabel(seating: Seating, seat: number): string {
  const { block, row, number } = seatPlace(seating, seat);
  return `${block.name}-${row}-${number}`;
}

export function seatIndex(seating: Seating, label: string): number | undefined {
  const [name, row, number] = label.split('-');
  const block = seating.blocks.find((block) => block.name === name);
  if (!block) return undefined;
  const [r, n] = [Number(row), Number(number)];
  const exists = r >= 1 && r <= block.rows && n >= 1 && n <= block.seats_per_row;
  return exists ? block.first + (r - 1) * block.seats_per_row + (n - 1) : undefined;
}
