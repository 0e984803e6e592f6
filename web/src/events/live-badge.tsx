import type { LiveStatus } from '../live/connection';

const looks: Record<LiveStatus, { text: string; colour: string }> = {
  connecting: { text: 'Connecting', colour: 'fill-warn' },
  live: { text: 'Live', colour: 'fill-good' },
  rebuilding: { text: 'Counting', colour: 'fill-warn' },
  reconnecting: { text: 'Reconnecting', colour: 'fill-warn' },
  barred: { text: 'Not live', colour: 'fill-bad' },
  offline: { text: 'Offline', colour: 'fill-bad' },
};

/** Whether what is shown is what is. */
export function LiveBadge({ status }: { status: LiveStatus }) {
  const { text, colour } = looks[status];
  return (
    <span role="status" className="flex items-center gap-1.5 text-sm text-muted" data-testid="live-status">
      <svg viewBox="0 0 10 10" aria-hidden="true" className="size-2.5">
        <circle cx="5" cy="5" r="5" className={colour} />
      </svg>
      {text}
    </span>
  );
}
