import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import type { LiveConnection } from '../live/connection';
import { money } from '../time/format';
import { lookColours, useTheme } from './colours';
import type { Layout } from './layout';
import { LOOKS, Look } from './looks';
import { nearestSeat } from './nearest-seat';
import { Painter, type View } from './painter';
import { lookOf, looksOf, type Mine } from './seat-looks';
import { type Seating, seatLabel, seatPlace } from './seating';
import { SectionsLayer } from './sections-layer';
import { useZoom } from './use-zoom';

interface Props {
  layout: Layout;
  seating: Seating;
  currency: string;
  live: LiveConnection | undefined;
  mine: Mine;
  isEnabled: boolean;
  toggle: (seat: number) => void;
}

/** From this many pixels between seats on, they show their numbers. */
const NUMBERS_SCALE_MIN = 24;

/** The map: sections as SVG, seats on a canvas over it, a tooltip over both. */
export function SeatCanvas({ layout, seating, currency, live, mine, isEnabled, toggle }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const sections = useRef<SVGGElement>(null);
  const drawing = useRef<Drawing>(undefined);
  const [pointed, setPointed] = useState<{ seat: number; x: number; y: number }>();
  const theme = useTheme();
  const nearest = useMemo(() => nearestSeat(layout), [layout]);
  const zoom = useZoom(frame, layout.box, (view) => drawing.current?.move(view));

  useEffect(() => {
    if (!canvas.current || !sections.current || !frame.current) return;
    const started = new Drawing(canvas.current, sections.current, layout, seating);
    drawing.current = started;
    const resized = new ResizeObserver(() => {
      zoom.fit();
      started.resize();
    });
    resized.observe(frame.current);
    return () => {
      resized.disconnect();
      started.stop();
    };
  }, [layout, seating, zoom.fit]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme decides what the colours are
  useEffect(() => drawing.current?.dress(), [theme, layout]);

  useEffect(() => {
    const states = () => live?.picture.states ?? new Uint8Array(0);
    const all = () => drawing.current?.show(looksOf(states(), mine));
    all();
    return live?.subscribeSeats((seats) => {
      if (seats === 'all') all();
      else drawing.current?.change(seats, (seat) => lookOf(seat, states(), mine));
    });
  }, [live, mine]);

  const seatAt = (event: { clientX: number; clientY: number }) => {
    const box = frame.current?.getBoundingClientRect();
    if (!box || !drawing.current) return undefined;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { view } = drawing.current;
    const seat = nearest((x - view.x) / view.scale, (y - view.y) / view.scale);
    return seat === undefined ? undefined : { seat, x, y };
  };

  return (
    <div className="relative">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: keys move the map; seats are chosen by key in the list beside it */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the list beside it has the same seats as controls */}
      <div
        ref={frame}
        className="relative h-[min(62dvh,36rem)] touch-none overflow-hidden rounded-xl border border-line bg-ground"
        style={{ cursor: pointed && isEnabled ? 'pointer' : 'grab' }}
        data-testid="map"
        onClick={(event) => {
          const found = seatAt(event);
          if (found && isEnabled) toggle(found.seat);
        }}
        onPointerMove={(event) => setPointed(event.buttons === 0 ? seatAt(event) : undefined)}
        onPointerLeave={() => setPointed(undefined)}
      >
        <SectionsLayer layout={layout} ref={sections} />
        <canvas
          ref={canvas}
          className="absolute inset-0 size-full"
          role="img"
          aria-label="Seat map. The list of seats below has the same seats for keyboard and screen reader."
        />
        {pointed && (
          <Tooltip x={pointed.x} y={pointed.y}>
            <SeatText seat={pointed.seat} seating={seating} currency={currency} live={live} mine={mine} />
          </Tooltip>
        )}
      </div>
      <div className="absolute top-3 right-3 flex flex-col gap-1">
        <ZoomButton label="Zoom in" onClick={() => zoom.by(1.6)}>
          +
        </ZoomButton>
        <ZoomButton label="Zoom out" onClick={() => zoom.by(1 / 1.6)}>
          −
        </ZoomButton>
        <ZoomButton label="Show the whole hall" onClick={zoom.fit}>
          ⤢
        </ZoomButton>
      </div>
    </div>
  );
}

function ZoomButton({ label, onClick, children }: { label: string; onClick: () => void; children: string }) {
  return (
    <button type="button" className="button size-11 px-0 shadow" aria-label={label} onClick={onClick}>
      {children}
    </button>
  );
}

function Tooltip({ x, y, children }: { x: number; y: number; children: ReactNode }) {
  return (
    <div
      className="pointer-events-none absolute top-0 left-0 z-10 rounded-lg border border-line bg-surface px-3 py-2 text-sm shadow-lg"
      style={{ transform: `translate(${x}px, ${y}px) translate(-50%, calc(-100% - 14px))` }}
      data-testid="tooltip"
    >
      {children}
    </div>
  );
}

function SeatText({
  seat,
  seating,
  currency,
  live,
  mine,
}: { seat: number } & Pick<Props, 'seating' | 'currency' | 'live' | 'mine'>) {
  const { block } = seatPlace(seating, seat);
  const look = lookOf(seat, live?.picture.states ?? new Uint8Array(0), mine);
  return (
    <>
      <strong>{seatLabel(seating, seat)}</strong> · {money(block.price_minor, currency)}
      <br />
      {LOOKS[look]?.text}
    </>
  );
}

/** Draws at most once a frame, whatever changes. */
class Drawing {
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
