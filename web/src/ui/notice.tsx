import type { ReactNode } from 'react';

type Kind = 'refusal' | 'failure' | 'news' | 'good';

const looks: Record<Kind, { icon: string; colours: string }> = {
  refusal: { icon: '✕', colours: 'border-bad text-bad' },
  failure: { icon: '↻', colours: 'border-warn text-warn' },
  news: { icon: 'ℹ', colours: 'border-edge text-ink' },
  good: { icon: '✓', colours: 'border-good text-good' },
};

/** A message that is read out when it comes. */
export function Notice({ kind, children }: { kind: Kind; children: ReactNode }) {
  const { icon, colours } = looks[kind];
  return (
    <div
      role={kind === 'refusal' || kind === 'failure' ? 'alert' : 'status'}
      className={`flex gap-3 rounded-lg border-l-4 bg-raised px-4 py-3 ${colours}`}
    >
      <span aria-hidden="true">{icon}</span>
      <div className="min-w-0">{children}</div>
    </div>
  );
}
