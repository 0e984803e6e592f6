/** Which seat is under the pointer, among tens of thousands. */
import Flatbush from 'flatbush';
import type { Layout } from './layout';

/** A seat is meant up to this far from its centre, in units of the layout. */
const REACH = 0.62;

export function nearestSeat({ xs, ys }: Layout): (x: number, y: number) => number | undefined {
  if (xs.length === 0) return () => undefined;
  const index = new Flatbush(xs.length);
  for (let seat = 0; seat < xs.length; seat += 1) {
    const [x, y] = [xs[seat] as number, ys[seat] as number];
    index.add(x, y, x, y);
  }
  index.finish();
  return (x, y) => index.neighbors(x, y, 1, REACH)[0];
}
