/** Wheel, drag, pinch, double click and arrow keys move the map. */
import { select } from 'd3-selection';
import { type ZoomBehavior, zoom, zoomIdentity, zoomTransform } from 'd3-zoom';
import { type RefObject, useEffect, useMemo, useRef } from 'react';
import type { Box } from './layout';
import type { View } from './painter';

/** Seats get no further apart than this many pixels. */
const SCALE_MAX = 44;
/** Around the hall when all of it is shown. */
const MARGIN_PX = 12;
/** Pixels between seats below which double click and fit would show nothing at all. */
const SCALE_MIN = 0.2;

export interface Zoom {
  by(factor: number): void;
  fit(): void;
}

export function useZoom(
  frame: RefObject<HTMLDivElement | null>,
  box: Box,
  moved: (view: View) => void,
): Zoom {
  const behaviour = useRef<ZoomBehavior<HTMLDivElement, unknown>>(undefined);
  const told = useRef(moved);
  useEffect(() => {
    told.current = moved;
  });

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const zooming = zoom<HTMLDivElement, unknown>().on('zoom', ({ transform }) => {
      told.current({ scale: transform.k, x: transform.x, y: transform.y });
    });
    // A click is a click even if the hand trembles.
    zooming.clickDistance(4);
    behaviour.current = zooming;
    select(element).call(zooming);
    return () => {
      select(element).on('.zoom', null);
    };
  }, [frame]);

  return useMemo(
    () => ({
      by(factor) {
        if (frame.current) behaviour.current?.scaleBy(select(frame.current), factor);
      },
      fit() {
        const element = frame.current;
        if (!element || !behaviour.current) return;
        const { width, height } = element.getBoundingClientRect();
        if (width === 0 || height === 0) return;
        const [across, down] = [box.right - box.left, box.bottom - box.top];
        const room = Math.min((width - 2 * MARGIN_PX) / across, (height - 2 * MARGIN_PX) / down);
        const scale = Math.max(SCALE_MIN, Math.min(SCALE_MAX / 2, room));
        const x = width / 2 - ((box.left + box.right) / 2) * scale;
        const y = height / 2 - ((box.top + box.bottom) / 2) * scale;
        behaviour.current
          .scaleExtent([scale * 0.8, Math.max(SCALE_MAX, scale * 2)])
          .translateExtent([
            [box.left - across / 2, box.top - down / 2],
            [box.right + across / 2, box.bottom + down / 2],
          ])
          .transform(select(element), zoomIdentity.translate(x, y).scale(scale));
        told.current({
          scale: zoomTransform(element).k,
          x: zoomTransform(element).x,
          y: zoomTransform(element).y,
        });
      },
    }),
    [frame, box],
  );
}
