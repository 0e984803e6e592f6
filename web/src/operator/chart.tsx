import { count } from '../time/format';

interface Props {
  title: string;
  /** Oldest first. */
  values: readonly number[];
  /** What one of them is, as in `refusals a second`. */
  unit: string;
  /** Points there is room for; a short series starts at the left. */
  room: number;
}

const WIDTH = 300;
const HEIGHT = 90;

/** The last minutes as a line, and the newest value as a number. */
export function Chart({ title, values, unit, room }: Props) {
  const most = Math.max(1, ...values);
  const latest = values.at(-1) ?? 0;
  const x = (index: number) => (index / Math.max(1, room - 1)) * WIDTH;
  const y = (value: number) => HEIGHT - 4 - (value / most) * (HEIGHT - 10);
  const line = values.map(
    (value, index) => `${index === 0 ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`,
  );
  const end = x(values.length - 1).toFixed(1);
  return (
    <figure className="card flex flex-col gap-2">
      <figcaption className="flex items-baseline justify-between gap-2">
        <span className="text-sm text-muted">{title}</span>
        <span className="text-2xl font-bold tabular-nums">{rounded(latest)}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="h-24 w-full"
        role="img"
        aria-label={`${title}: now ${rounded(latest)} ${unit}, at most ${rounded(most)} in the time shown`}
      >
        <path d={`M0 ${HEIGHT - 4}H${WIDTH}`} className="stroke-line" vectorEffect="non-scaling-stroke" />
        {values.length > 1 && (
          <>
            <path d={`${line.join('')}L${end} ${HEIGHT - 4}L0 ${HEIGHT - 4}Z`} className="fill-accent/15" />
            <path
              d={line.join('')}
              className="fill-none stroke-accent"
              strokeWidth="2"
              strokeLinejoin="round"
              vectorEffect="non-scaling-stroke"
            />
          </>
        )}
      </svg>
      <p className="text-xs text-muted">
        {unit}, peak {rounded(most)}
      </p>
    </figure>
  );
}

function rounded(value: number): string {
  return count(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);
}
