/**
 * Where seats are drawn. The API knows sections, rows and numbers, not places, so every hall is drawn as a fan around its
 * stage: rings of sections, the first nearest. One unit is the distance between two seats of a row. Pure.
 */
import type { Block, Seating } from './seating';

/** Nearest a seat gets to the stage's centre. */
const STAGE_RADIUS = 7;
/** Between sections of a ring, at their inner edge. */
const AISLE = 2.2;
/** Between rings: room for a name, which is as large in a hall of any size, so a large one needs more. */
const GAP_MIN = 4.5;
const GAP_SHARE = 0.035;
/** Between the stage and the first row, and how deep the stage is at most. */
const STAGE_GAP = 3;
const STAGE_DEPTH_SHARE = 0.55;
/** Around a section's outermost seats. */
const SECTION_MARGIN = 0.85;
/** The shape seats are fitted into: the view's usual one. */
const VIEW_ASPECT = 1.6;
/** Fans from a gentle curve to more than half a circle. */
const FANS_RADIANS = [0.8, 1.3, 1.9, 2.6, 3.3];
/** Halls of so few sections have one behind the other, whatever would use the view better. */
const STACKED_MAX = 3;
const STACKED_FAN_MAX = 1.3;
/** More rings than this help no hall of at most 500 sections. */
const RINGS_MAX = 20;

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface SectionShape {
  block: Block;
  /** Its outline, as an SVG path. */
  outline: string;
  /** Where its name goes: behind its last row. */
  label: { x: number; y: number };
}

export interface Layout {
  xs: Float32Array;
  ys: Float32Array;
  sections: SectionShape[];
  stage: { outline: string; label: { x: number; y: number } };
  box: Box;
}

/** The fan in which seats come out largest. */
export function layoutOf(seating: Seating): Layout {
  const { blocks, total } = seating;
  const gap = Math.max(GAP_MIN, GAP_SHARE * Math.sqrt(total));
  const isStacked = blocks.length <= STACKED_MAX;
  const counts = isStacked ? [blocks.length] : blocks.slice(0, RINGS_MAX).map((_, index) => index + 1);
  const fans = isStacked ? FANS_RADIANS.filter((fan) => fan <= STACKED_FAN_MAX) : FANS_RADIANS;
  let best: { fan: Fan; scale: number } | undefined;
  for (const count of counts) {
    for (const angle of fans) {
      const fan = fanOf(blocks, count, angle, gap);
      const scale = Math.min(
        VIEW_ASPECT / (fan.box.right - fan.box.left),
        1 / (fan.box.bottom - fan.box.top),
      );
      if (!best || scale > best.scale) best = { fan, scale };
    }
  }
  if (!best) throw new RangeError('An event without sections has no seats to draw.');
  return place(seating, best.fan, gap);
}

interface Ring {
  blocks: readonly Block[];
  /** Of its first row. */
  radius: number;
  depth: number;
  /** From its first seat to its last. */
  angle: number;
}

interface Stage {
  inner: number;
  outer: number;
  /** To each side. */
  angle: number;
}

interface Fan {
  rings: Ring[];
  stage: Stage;
  box: Box;
}

function fanOf(blocks: readonly Block[], count: number, angle: number, gap: number): Fan {
  const rings = ringsOf(blocks, count, angle, gap);
  const outer = (rings[0]?.radius ?? STAGE_RADIUS) - STAGE_GAP;
  const depth = Math.min(outer * STAGE_DEPTH_SHARE, 1.5 * gap);
  const stage = { inner: outer - depth, outer, angle: Math.min((rings[0]?.angle ?? 1) * 0.36, 1.1) };
  return { rings, stage, box: boxOf(rings, stage, gap) };
}

function ringsOf(blocks: readonly Block[], count: number, fan: number, gap: number): Ring[] {
  const rings: Ring[] = [];
  let radius = STAGE_RADIUS;
  let taken = 0;
  for (let ring = 0; ring < count; ring += 1) {
    // Later rings are longer, so they get more sections; each at least one.
    const share = (ring + 2) / (((count - ring) * (ring + 2 + count + 1)) / 2);
    const left = blocks.length - taken;
    const size = ring === count - 1 ? left : clamp(Math.round(left * share), 1, left - (count - ring - 1));
    const members = blocks.slice(taken, taken + size);
    taken += size;
    const width = widthOf(members);
    radius = Math.max(radius, width / fan);
    const depth = Math.max(...members.map((block) => block.rows));
    rings.push({ blocks: members, radius, depth, angle: width / radius });
    radius += depth - 1 + gap;
  }
  return rings;
}

function widthOf(blocks: readonly Block[]): number {
  return blocks.reduce((width, block) => width + block.seats_per_row, 0) + AISLE * (blocks.length - 1);
}

function boxOf(rings: readonly Ring[], stage: Stage, gap: number): Box {
  let [right, bottom, top] = [1, 1, stage.inner * Math.cos(stage.angle)];
  for (const ring of rings) {
    const half = ring.angle / 2;
    const outer = ring.radius + ring.depth;
    right = Math.max(right, outer * Math.sin(Math.min(half, Math.PI / 2)));
    bottom = Math.max(bottom, outer);
    top = Math.min(top, (half > Math.PI / 2 ? outer : ring.radius) * Math.cos(half));
  }
  return { left: -right - 1, top: top - 1, right: right + 1, bottom: bottom + gap - 1 };
}

function place({ total, blocks }: Seating, { rings, stage, box }: Fan, gap: number): Layout {
  const xs = new Float32Array(total);
  const ys = new Float32Array(total);
  const sections: SectionShape[] = [];
  for (const ring of rings) {
    // From the visitor's left to the right, facing the stage.
    let angle = -ring.angle / 2;
    for (const block of ring.blocks) {
      const width = block.seats_per_row / ring.radius;
      for (let row = 0; row < block.rows; row += 1) {
        for (let number = 0; number < block.seats_per_row; number += 1) {
          const at = angle + ((number + 0.5) * width) / block.seats_per_row;
          const seat = block.first + row * block.seats_per_row + number;
          xs[seat] = (ring.radius + row) * Math.sin(at);
          ys[seat] = (ring.radius + row) * Math.cos(at);
        }
      }
      sections.push(shapeOf(block, ring.radius, [angle, angle + width], gap));
      angle += (block.seats_per_row + AISLE) / ring.radius;
    }
  }
  sections.sort((one, other) => blocks.indexOf(one.block) - blocks.indexOf(other.block));
  return {
    xs,
    ys,
    sections,
    stage: {
      outline: arcs(stage.inner, stage.outer, -stage.angle, stage.angle),
      label: { x: 0, y: (stage.inner + stage.outer) / 2 },
    },
    box,
  };
}

function shapeOf(block: Block, radius: number, [from, to]: [number, number], gap: number): SectionShape {
  const inner = radius - SECTION_MARGIN;
  const outer = radius + block.rows - 1 + SECTION_MARGIN;
  const margin = (SECTION_MARGIN - 0.5) / radius;
  const middle = (from + to) / 2;
  const away = outer + (gap - 2 * SECTION_MARGIN) / 2;
  return {
    block,
    outline: arcs(inner, outer, from - margin, to + margin),
    label: { x: away * Math.sin(middle), y: away * Math.cos(middle) },
  };
}

/** The outline of a piece of a ring. */
function arcs(inner: number, outer: number, from: number, to: number): string {
  const point = (radius: number, angle: number) =>
    `${(radius * Math.sin(angle)).toFixed(2)} ${(radius * Math.cos(angle)).toFixed(2)}`;
  const large = to - from > Math.PI ? 1 : 0;
  return [
    `M ${point(inner, from)}`,
    `A ${inner.toFixed(2)} ${inner.toFixed(2)} 0 ${large} 0 ${point(inner, to)}`,
    `L ${point(outer, to)}`,
    `A ${outer.toFixed(2)} ${outer.toFixed(2)} 0 ${large} 1 ${point(outer, from)}`,
    'Z',
  ].join(' ');
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
