/** How a seat looks: a colour and a shape each, so that neither is needed to tell them apart. */

/** What a visitor can tell about a seat; the numbers index {@link LOOKS}. */
export const Look = { available: 0, chosen: 1, mine: 2, held: 3, reserved: 4, sold: 5 } as const;
export type Look = (typeof Look)[keyof typeof Look];

export interface LookStyle {
  text: string;
  /** The custom property that holds its colour. */
  colour: string;
  /**
   * How much of a pixel belongs to the shape, 0 to 1: `x` and `y` from the seat's centre and `radius` in pixels. Distances
   * to the edge become coverage, so that edges are smooth at any size.
   */
  coverage: (x: number, y: number, radius: number) => number;
}

const soft = (inside: number) => Math.max(0, Math.min(1, inside + 0.5));
const disc = (x: number, y: number, radius: number) => soft(radius - Math.hypot(x, y));
const ring = (x: number, y: number, radius: number, width: number) =>
  soft(width / 2 - Math.abs(Math.hypot(x, y) - (radius - width / 2)));
const square = (x: number, y: number, radius: number) => soft(radius - Math.max(Math.abs(x), Math.abs(y)));
const cross = (x: number, y: number, radius: number) => {
  const across = Math.min(Math.abs(x - y), Math.abs(x + y)) * Math.SQRT1_2;
  return Math.min(soft(Math.max(0.55, radius * 0.28) - across), square(x, y, radius * 0.72));
};
const thin = (radius: number) => Math.max(1, radius * 0.3);

export const LOOKS: readonly LookStyle[] = [
  { text: 'Free', colour: '--color-seat-available', coverage: disc },
  {
    text: 'Your choice',
    colour: '--color-seat-mine',
    coverage: (x, y, r) => Math.max(ring(x, y, r * 1.15, thin(r)), disc(x, y, r * 0.55)),
  },
  { text: 'Yours', colour: '--color-seat-mine', coverage: (x, y, r) => square(x, y, r * 0.92) },
  { text: 'Held', colour: '--color-seat-held', coverage: (x, y, r) => ring(x, y, r, thin(r)) },
  {
    text: 'Reserved',
    colour: '--color-seat-reserved',
    coverage: (x, y, r) => Math.max(ring(x, y, r, thin(r) * 0.8), Math.min(disc(x, y, r), soft(y))),
  },
  { text: 'Sold', colour: '--color-seat-sold', coverage: cross },
];
