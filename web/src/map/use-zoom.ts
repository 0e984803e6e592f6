/** Wheel, drag, pinch and double click move the map; keys and buttons by what is returned. */
import { select } from 'd3-selection';
import { type ZoomBehavior, zoom, zoomIdentity, zoomTransform } from 'd3-zoom';
import { type RefObject, useEffect, useMemo, useRef } from 'react';
import { fitted, SCALE_MAX } from './fitted';
import type { Box } from './layout';
import type { View } from './painter';

export interface Zoom {
  by(factor: number): void;
  /** By so many pixels. */
  pan(right: number, down: number): void;
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
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) zooming.duration(0);
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
      pan(right, down) {
        const element = frame.current;
        if (!element) return;
        const { k } = zoomTransform(element);
        behaviour.current?.translateBy(select(element), right / k, down / k);
      },
      fit() {
        const element = frame.current;
        if (!element || !behaviour.current) return;
        const { clientWidth, clientHeight } = element;
        if (clientWidth === 0 || clientHeight === 0) return;
        const { scale, x, y } = fitted(box, clientWidth, clientHeight);
        const [across, down] = [box.right - box.left, box.bottom - box.top];
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
