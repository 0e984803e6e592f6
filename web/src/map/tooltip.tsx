import type { ReactNode } from 'react';

interface Props {
  /** Where the pointer is, within the frame. */
  x: number;
  y: number;
  frameWidth: number;
  children: ReactNode;
}

/** Room a tooltip takes, more or less: it is kept within the frame. */
const HALF_WIDTH_PX = 90;
const HEIGHT_PX = 74;
const AWAY_PX = 14;

export function Tooltip({ x, y, frameWidth, children }: Props) {
  const left = Math.max(HALF_WIDTH_PX, Math.min(frameWidth - HALF_WIDTH_PX, x));
  const isBelow = y < HEIGHT_PX;
  const lift = isBelow ? `${AWAY_PX + 8}px` : `calc(-100% - ${AWAY_PX}px)`;
  return (
    <div
      className="pointer-events-none absolute top-0 left-0 z-10 rounded-lg border border-line bg-surface px-3 py-2 text-sm whitespace-nowrap shadow-lg"
      style={{ transform: `translate(${left}px, ${y}px) translate(-50%, ${lift})` }}
      data-testid="tooltip"
    >
      {children}
    </div>
  );
}
