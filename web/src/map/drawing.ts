/** The canvas over the sections: what is drawn on it, and when. */
import { lookColours } from './colours';
import type { Layout } from './layout';
import { Look } from './looks';
import { Painter, type View } from './painter';
import { type Seating, seatPlace } from './seating';

/** From this many pixels between seats on, they show their numbers. */
const NUMBERS_SCALE_MIN = 24;

/** Draws at most once a frame, whatever changes. */
export class Drawing {
  view: View = { scale: 1, x: 0, y: 0 };
  private readonly context: CanvasRenderingContext2D;
  private readonly painter = new Painter();
  private looks = new Uint8Array(0);
  private frame = 0;
  private isPainted = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly sections: SVGGElement,
    private readonly layout: Layout,
    private readonly seating: Seating,
  ) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser has no canvas.');
    this.context = context;
    this.dress();
    this.resize();
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }

  dress() {
    this.painter.dress(lookColours());
    this.soon();
  }

  move(view: View) {
    this.view = view;
    this.soon();
  }

  show(looks: Uint8Array<ArrayBuffer>) {
    this.looks = looks;
    this.soon();
  }

  change(seats: readonly number[], look: (seat: number) => Look) {
    for (const seat of seats) this.looks[seat] = look(seat);
    if (seats.length > 0) this.soon();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.soon();
  }

  private soon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw() {
    const { scale, x, y } = this.view;
    this.sections.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`);
    this.sections.style.setProperty('--unit', `${1 / scale}px`);
    const fine = devicePixelRatio;
    this.painter.paint(this.context, this.layout, this.looks, {
      scale: scale * fine,
      x: x * fine,
      y: y * fine,
    });
    if (scale >= NUMBERS_SCALE_MIN) this.drawNumbers();
    if (!this.isPainted && this.looks.length > 0) {
      this.isPainted = true;
      performance.mark('onsale:map-painted');
    }
  }

  private drawNumbers() {
    const { xs, ys } = this.layout;
    const { scale, x, y } = this.view;
    const { width, height } = this.canvas.getBoundingClientRect();
    this.context.save();
    this.context.scale(devicePixelRatio, devicePixelRatio);
    this.context.font = `600 ${Math.min(13, scale * 0.36)}px ui-sans-serif, system-ui, sans-serif`;
    this.context.textAlign = 'center';
    this.context.textBaseline = 'middle';
    this.context.fillStyle = getComputedStyle(this.canvas).getPropertyValue('--color-surface');
    for (let seat = 0; seat < this.looks.length; seat += 1) {
      const look = this.looks[seat];
      if (look !== Look.available && look !== Look.mine) continue;
      const [left, top] = [(xs[seat] as number) * scale + x, (ys[seat] as number) * scale + y];
      if (left < 0 || top < 0 || left > width || top > height) continue;
      this.context.fillText(String(seatPlace(this.seating, seat).number), left, top);
    }
    this.context.restore();
  }
}
