import type { ReactNode } from 'react';
import type { Notice as Telling } from '../api/problems';

type Kind = Telling['kind'] | 'good';

const looks: Record<Kind, { icon: string; colours: string }> = {
  refusal: { icon: '✕', colours: 'border-bad text-bad' },
  failure: { icon: '↻', colours: 'border-warn text-warn' },
  news: { icon: 'ℹ', colours: 'border-edge text-ink' },
  good: { icon: '✓', colours: 'border-good text-good' },
};

interface Props {
  notice: { kind: Kind; text: ReactNode };
  /** What can be done about it. */
  children?: ReactNode;
}

/** A message. Where it comes and goes, it belongs into a live region that stays. */
export function Notice({ notice, children }: Props) {
  const { icon, colours } = looks[notice.kind];
  return (
    <div
      className={`flex gap-3 rounded-lg border-l-4 bg-raised px-4 py-3 ${colours}`}
      data-testid="notice"
      data-kind={notice.kind}
    >
      <span aria-hidden="true">{icon}</span>
      <div className="min-w-0">
        <p>{notice.text}</p>
        {children}
      </div>
    </div>
  );
}
