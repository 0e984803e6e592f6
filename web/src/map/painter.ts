/**
 * Paints tens of thousands of seats in a few milliseconds: each look is drawn once into a small stamp, and stamps are
 * copied pixel by pixel into the picture that the canvas then shows. Canvas calls for each seat would cost ten times that.
 */
import type { Layout } from './layout';
import { LOOKS } from './looks';

/** Of a seat, in units of the layout. */
export const SEAT_RADIUS = 0.41;
/** Stamps are made for this many places of a seat within its pixel, each way, while seats are small. */
const PLACES_SMALL = 4;
/** Above this radius in pixels a seat may as well sit on a whole pixel. */
const SMALL_RADIUS_MAX = 6;
/** The largest look reaches this much beyond the radius. */
const REACH = 1.2;

/** Screen pixels = units × scale + offset. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

interface Stamps {
  radius: number;
  size: number;
  places: number;
  /** By look, then by place: RGBA as the canvas keeps them. */
  pixels: Uint32Array[][];
}

export type Colour = readonly [red: number, green: number, blue: number];

export class Painter {
  private image = new ImageData(1, 1);
  private pixels = new Uint32Array(this.image.data.buffer);
  private stamps: Stamps | undefined;
  private colours: readonly Colour[] = [];

  /** New colours, by look. */
  dress(colours: readonly Colour[]) {
    this.colours = colours;
    this.stamps = undefined;
  }

  /** Paints everything in view; `looks` has one byte a seat. Sizes and the view are in the canvas' own pixels. */
  paint(canvas: CanvasRenderingContext2D, layout: Layout, looks: Uint8Array, view: View) {
    const { width, height } = canvas.canvas;
    if (width === 0 || height === 0) return;
    if (this.image.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(0);
    this.stampAll(layout, looks, view, width, height);
    canvas.putImageData(this.image, 0, 0);
  }

  private stampAll({ xs, ys }: Layout, looks: Uint8Array, view: View, width: number, height: number) {
    const { size, places, pixels: stamps } = this.stampsFor(view.scale * SEAT_RADIUS);
    const target = this.pixels;
    const half = size / 2;
    for (let seat = 0; seat < looks.length; seat += 1) {
      const left = (xs[seat] as number) * view.scale + view.x - half;
      const top = (ys[seat] as number) * view.scale + view.y - half;
      const column = Math.floor(left);
      const row = Math.floor(top);
      if (column >= width || row >= height || column + size < 0 || row + size < 0) continue;
      const place = Math.floor((top - row) * places) * places + Math.floor((left - column) * places);
      const stamp = (stamps[looks[seat] as number] as Uint32Array[])[place] as Uint32Array;
      const fromColumn = Math.max(0, -column);
      const toColumn = Math.min(size, width - column);
      const toRow = Math.min(size, height - row);
      for (let y = Math.max(0, -row); y < toRow; y += 1) {
        let at = (row + y) * width + column + fromColumn;
        for (let from = y * size + fromColumn; from < y * size + toColumn; from += 1) {
          const pixel = stamp[from] as number;
          if (pixel !== 0) target[at] = pixel;
          at += 1;
        }
      }
    }
  }

  private stampsFor(radius: number): Stamps {
    if (this.stamps && Math.abs(this.stamps.radius - radius) < 0.02) return this.stamps;
    const places = radius < SMALL_RADIUS_MAX ? PLACES_SMALL : 1;
    const size = Math.ceil(radius * REACH * 2) + 2;
    const pixels = LOOKS.map((look, index) => {
      const [red, green, blue] = this.colours[index] ?? [128, 128, 128];
      const colour = (blue << 16) | (green << 8) | red;
      return Array.from({ length: places * places }, (_, place) => {
        const stamp = new Uint32Array(size * size);
        const x = size / 2 + ((place % places) + 0.5) / places - (places === 1 ? 0.5 : 0);
        const y = size / 2 + (Math.floor(place / places) + 0.5) / places - (places === 1 ? 0.5 : 0);
        for (let pixel = 0; pixel < stamp.length; pixel += 1) {
          const dx = (pixel % size) + 0.5 - x;
          const dy = Math.floor(pixel / size) + 0.5 - y;
          const opacity = Math.round(255 * look.coverage(dx, dy, radius));
          stamp[pixel] = opacity === 0 ? 0 : ((opacity << 24) | colour) >>> 0;
        }
        return stamp;
      });
    });
    this.stamps = { radius, size, places, pixels };
    return this.stamps;
  }
}
