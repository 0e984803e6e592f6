import { memo, type Ref } from 'react';
import type { Layout } from './layout';

/** The stage and the sections, beneath the seats. Moved and scaled from outside, by the group's transform. */
export const SectionsLayer = memo(function SectionsLayer({
  layout,
  ref,
}: {
  layout: Layout;
  ref: Ref<SVGGElement>;
}) {
  return (
    <svg aria-hidden="true" className="absolute inset-0 size-full select-none">
      <g ref={ref}>
        <path d={layout.stage.outline} className="fill-edge" />
        <text
          x={layout.stage.label.x}
          y={layout.stage.label.y}
          textAnchor="middle"
          dominantBaseline="middle"
          className="fill-surface font-semibold tracking-widest"
          style={{ fontSize: 'calc(var(--unit) * 13)' }}
        >
          Stage
        </text>
        {layout.sections.map(({ block, outline, label }) => (
          <g key={block.name}>
            <path
              d={outline}
              className="fill-surface stroke-line"
              style={{ strokeWidth: 'calc(var(--unit) * 1.5)', strokeLinejoin: 'round' }}
            />
            <text
              x={label.x}
              y={label.y}
              textAnchor="middle"
              dominantBaseline="middle"
              className="fill-ink font-semibold"
              style={{ fontSize: 'calc(var(--unit) * 13)' }}
            >
              {block.name}
            </text>
          </g>
        ))}
      </g>
    </svg>
  );
});
