import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { LiveConnection } from '../live/connection';
import { money } from '../time/format';
import { useTheme } from './colours';
import { Drawing } from './drawing';
import type { Layout } from './layout';
import { LOOKS } from './looks';
import { nearestSeat } from './nearest-seat';
import { lookOf, looksOf, type Mine, type Shown } from './seat-looks';
import { type Seating, seatLabel, seatPlace } from './seating';
import { SectionsLayer } from './sections-layer';
import { Tooltip } from './tooltip';
import { useZoom, type Zoom } from './use-zoom';
import { ZoomButtons } from './zoom-buttons';

interface Props extends Shown {
  layout: Layout;
}

/** An arrow key moves the map by so much. */
const STEP_PX = 60;
const unknown = new Uint8Array(0);

/** The map: sections as SVG, seats on a canvas over it, a tooltip over both. */
export function SeatCanvas({ layout, seating, currency, live, mine, isEnabled, toggle }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<{ seat: number; x: number; y: number }>();
  const moved = () => setPointed(undefined);
  const { canvas, sections, drawing, zoom } = useDrawing(frame, layout, seating, live, mine, moved);
  const nearest = useMemo(() => nearestSeat(layout), [layout]);

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
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields */}
      <div
        ref={frame}
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keys of whoever is here move the map
        tabIndex={0}
        aria-label="Seat map: arrow keys move it, plus and minus zoom. The list below has the same seats to choose from."
        className="relative h-[min(62svh,36rem)] touch-none overflow-hidden rounded-xl border border-line bg-ground"
        style={{ cursor: pointed && isEnabled ? 'pointer' : 'grab' }}
        data-testid="map"
        onKeyDown={(event) => moveByKey(event, zoom)}
        onClick={(event) => {
          const found = seatAt(event);
          if (found && isEnabled) toggle(found.seat);
        }}
        onPointerMove={(event) => setPointed(event.buttons === 0 ? seatAt(event) : undefined)}
        onPointerLeave={() => setPointed(undefined)}
      >
        <SectionsLayer layout={layout} ref={sections} />
        <canvas ref={canvas} className="absolute inset-0 size-full" />
        {pointed && (
          <Tooltip x={pointed.x} y={pointed.y} frameWidth={frame.current?.clientWidth ?? 0}>
            <SeatText seat={pointed.seat} seating={seating} currency={currency} live={live} mine={mine} />
          </Tooltip>
        )}
      </div>
      <ZoomButtons zoom={zoom} />
    </div>
  );
}

/** Ties the drawing to its elements, the theme, the feed and the visitor's own seats. */
function useDrawing(
  frame: React.RefObject<HTMLDivElement | null>,
  layout: Layout,
  seating: Seating,
  live: LiveConnection | undefined,
  mine: Mine,
  moved: () => void,
) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const sections = useRef<SVGGElement>(null);
  const drawing = useRef<Drawing>(undefined);
  const theme = useTheme();
  const zoom = useZoom(frame, layout.box, (view) => {
    drawing.current?.move(view);
    moved();
  });

  useEffect(() => {
    if (!canvas.current || !sections.current || !frame.current) return;
    const started = new Drawing(canvas.current, sections.current, layout, seating);
    drawing.current = started;
    let width = 0;
    const resized = new ResizeObserver(([entry]) => {
      // A change of height alone (a telephone's address bar) is no reason to lose one's place.
      if (entry && entry.contentRect.width !== width) zoom.fit();
      width = entry?.contentRect.width ?? width;
      started.resize();
    });
    resized.observe(frame.current);
    return () => {
      resized.disconnect();
      started.stop();
    };
  }, [frame, layout, seating, zoom]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme decides what the colours are
  useEffect(() => drawing.current?.dress(), [theme, layout]);

  useEffect(() => {
    const states = () => live?.picture.states ?? unknown;
    const all = () => drawing.current?.show(looksOf(states(), mine));
    all();
    return live?.subscribeSeats((seats) => {
      if (seats === 'all') all();
      else drawing.current?.change(seats, (seat) => lookOf(seat, states(), mine));
    });
  }, [live, mine]);

  return { canvas, sections, drawing, zoom };
}

function moveByKey(event: KeyboardEvent, zoom: Zoom) {
  const moves = new Map([
    ['ArrowLeft', () => zoom.pan(STEP_PX, 0)],
    ['ArrowRight', () => zoom.pan(-STEP_PX, 0)],
    ['ArrowUp', () => zoom.pan(0, STEP_PX)],
    ['ArrowDown', () => zoom.pan(0, -STEP_PX)],
    ['+', () => zoom.by(1.6)],
    ['-', () => zoom.by(1 / 1.6)],
    ['0', zoom.fit],
  ]);
  const move = moves.get(event.key);
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move();
}

interface SeatTextProps extends Pick<Props, 'seating' | 'currency' | 'live' | 'mine'> {
  seat: number;
}

function SeatText({ seat, seating, currency, live, mine }: SeatTextProps) {
  const { block } = seatPlace(seating, seat);
  const look = live?.picture.states.length ? LOOKS[lookOf(seat, live.picture.states, mine)] : undefined;
  return (
    <>
      <strong>{seatLabel(seating, seat)}</strong> · {money(block.price_minor, currency)}
      <br />
      {look?.text ?? 'not known yet'}
    </>
  );
}
