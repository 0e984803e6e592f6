import type { SalePhase } from './sale';

const phases: Record<SalePhase, { text: string; colours: string }> = {
  'not-yet': { text: 'Soon', colours: 'border-accent text-accent' },
  open: { text: 'On sale', colours: 'border-good text-good' },
  paused: { text: 'Paused', colours: 'border-warn text-warn' },
  'sold-out': { text: 'Sold out', colours: 'border-bad text-bad' },
  over: { text: 'Over', colours: 'border-edge text-muted' },
  rebuilding: { text: 'Counting', colours: 'border-warn text-warn' },
};

export function PhaseBadge({ phase }: { phase: SalePhase }) {
  const { text, colours } = phases[phase];
  return (
    <span className={`shrink-0 rounded-full border px-2.5 py-0.5 text-sm font-medium ${colours}`}>
      {text}
    </span>
  );
}
