/** The view that shows a whole hall. Pure. */
import type { Box } from './layout';
import type { View } from './painter';

/** Seats get no further apart than this many pixels. */
export const SCALE_MAX = 44;
/** Around the hall. */
const MARGIN_PX = 12;
/** However large the hall, something is seen of it. */
const SCALE_MIN = 0.2;

export function fitted(box: Box, width: number, height: number): View {
  const room = Math.min(
    (width - 2 * MARGIN_PX) / (box.right - box.left),
    (height - 2 * MARGIN_PX) / (box.bottom - box.top),
  );
  const scale = Math.max(SCALE_MIN, Math.min(SCALE_MAX / 2, room));
  return {
    scale,
    x: width / 2 - ((box.left + box.right) / 2) * scale,
    y: height / 2 - ((box.top + box.bottom) / 2) * scale,
  };
}
