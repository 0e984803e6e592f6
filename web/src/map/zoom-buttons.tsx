import { Button } from '../ui/button';
import type { Zoom } from './use-zoom';

export function ZoomButtons({ zoom }: { zoom: Zoom }) {
  const buttons = [
    { label: 'Zoom in', sign: '+', act: () => zoom.by(1.6) },
    { label: 'Zoom out', sign: '−', act: () => zoom.by(1 / 1.6) },
    { label: 'Show the whole hall', sign: '⤢', act: zoom.fit },
  ];
  return (
    <div className="absolute top-3 right-3 flex flex-col gap-1">
      {buttons.map(({ label, sign, act }) => (
        <Button key={label} className="size-11 px-0 shadow" aria-label={label} onClick={act}>
          {sign}
        </Button>
      ))}
    </div>
  );
}
