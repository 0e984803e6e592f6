import { beforeAll, expect, test } from 'vitest';
import { LOOKS, Look } from './looks';
import { Painter } from './painter';

// jsdom has no canvas: the painter only needs a place to put its pixels, and this keeps them.
class Pixels {
  readonly data: Uint8ClampedArray;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(width * height * 4);
  }
}

beforeAll(() => {
  Object.assign(globalThis, { ImageData: Pixels });
});

function paint(seats: [x: number, y: number, look: number][], scale = 20) {
  let painted: Pixels | undefined;
  const canvas = { canvas: { width: 60, height: 40 }, putImageData: (image: Pixels) => (painted = image) };
  const painter = new Painter();
  painter.dress(LOOKS.map((_, look) => [10 * look, 100, 200] as const));
  const layout = { xs: Float32Array.from(seats, ([x]) => x), ys: Float32Array.from(seats, ([, y]) => y) };
  const looks = Uint8Array.from(seats, ([, , look]) => look);
  painter.paint(canvas as never, layout as never, looks, { scale, x: 0, y: 0 });
  return (x: number, y: number) => [
    ...(painted as Pixels).data.slice((y * 60 + x) * 4, (y * 60 + x) * 4 + 4),
  ];
}

test('a seat is where it should be, in its colour, and nothing is elsewhere', () => {
  const pixel = paint([
    [1, 1, Look.available],
    [2, 1, Look.mine],
  ]);
  expect(pixel(20, 20)).toEqual([0, 100, 200, 255]);
  expect(pixel(40, 20)).toEqual([20, 100, 200, 255]);
  expect(pixel(30, 20)[3]).toBe(0);
  expect(pixel(20, 35)[3]).toBe(0);
});

test('a ring is hollow', () => {
  const pixel = paint([[1, 1, Look.held]]);
  expect(pixel(20, 20)[3]).toBe(0);
  expect(pixel(20 - 7, 20)[3]).toBeGreaterThan(100);
});

test('seats over the edge are cut off there', () => {
  const pixel = paint([
    [0, 0, Look.available],
    [3, 2, Look.available],
    [-5, 1, Look.available],
    [1, 90, Look.available],
  ]);
  expect(pixel(0, 0)[3]).toBe(255);
  expect(pixel(59, 39)[3]).toBe(255);
  // What was cut off on the left does not come back on the right.
  expect(pixel(59, 0)[3]).toBe(0);
  expect(pixel(0, 39)[3]).toBe(0);
});

test('small seats keep their place within a pixel', () => {
  const brightness = (pixel: (x: number, y: number) => number[]) =>
    [9, 10, 11].map((x) => (pixel(x, 10)[3] as number) + (pixel(x, 9)[3] as number));
  const left = brightness(paint([[5, 5, Look.available]], 2));
  const right = brightness(paint([[5.375, 5, Look.available]], 2));
  expect(right[2] as number).toBeGreaterThan(left[2] as number);
  expect(right[0] as number).toBeLessThan(left[0] as number);
});
