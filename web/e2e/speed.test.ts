import type { Page } from 'playwright-core';
import { expect, inject, test } from 'vitest';
import type { EventView } from '../src/api/types.ts';
import { Caller } from './stack.ts';
import { visitorsOf } from './visitors.ts';

const ready = inject('ready');
const admin = Caller.admin(ready);
const { come } = visitorsOf(ready.url);

const FIRST_PAINT_MAX_MS = 1_500;
const SNAPSHOT_MAX_BYTES = 80_000;
const DROPPED_SHARE_MAX = 0.05;
/** Other work on the machine drops frames too: what counts is what the page can do. */
const ATTEMPTS_MAX = 3;

function stadium(): Promise<EventView> {
  const names = [...'ABCDEFGHIJKLMNOPQRSTUVWXY'];
  const sections = names.map((name) => ({ name, rows: 40, seats_per_row: 50, price_minor: 5_000 }));
  return admin.createEvent({ name: 'The stadium', sections });
}

test('50,000 seats are painted within 1.5 s, from a snapshot of less than 80 KB', async () => {
  const event = await stadium();
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && best >= FIRST_PAINT_MAX_MS; attempt += 1) {
    const visitor = await come();
    const snapshot = new Promise<number>((resolve) => {
      visitor.page.on('websocket', (socket) =>
        socket.on('framereceived', ({ payload }) => resolve(Buffer.byteLength(payload))),
      );
    });
    await visitor.watch(ready.url, event.event_id);
    const painted = () =>
      visitor.page.evaluate(() => performance.getEntriesByName('onsale:map-painted')[0]?.startTime ?? null);
    await expect.poll(painted).not.toBeNull();
    best = Math.min(best, (await painted()) as number);
    expect(await snapshot).toBeGreaterThan(50_000);
    expect(await snapshot).toBeLessThan(SNAPSHOT_MAX_BYTES);
  }
  report('first paint of 50,000 seats', `${Math.round(best)} ms`);
  expect(best).toBeLessThan(FIRST_PAINT_MAX_MS);
});

test('50,000 seats pan and zoom with less than 5 % of frames dropped', async () => {
  const event = await stadium();
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  const { page } = visitor;
  const map = await page.getByTestId('map').boundingBox();
  if (!map) throw new Error('the map is not shown');
  const [x, y] = [map.x + map.width / 2, map.y + map.height / 2];
  const crowd = holdOn(event);
  let best = 1;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && best >= DROPPED_SHARE_MAX; attempt += 1) {
    await page.getByRole('button', { name: 'Show the whole hall' }).click();
    const share = await droppedShare(page, async () => {
      await page.mouse.move(x, y);
      for (let notch = 0; notch < 30; notch += 1) await page.mouse.wheel(0, -60);
      await page.mouse.down();
      for (let step = 0; step < 60; step += 1) await page.mouse.move(x - 3 * step, y - 2 * step);
      await page.mouse.up();
      for (let notch = 0; notch < 30; notch += 1) await page.mouse.wheel(0, 60);
    });
    best = Math.min(best, share);
  }
  report('seats that changed hands meanwhile', String(await crowd.stop()));
  report('frames dropped while 50,000 seats pan and zoom', `${(100 * best).toFixed(1)} %`);
  expect(best).toBeLessThan(DROPPED_SHARE_MAX);
});

/** Others hold a seat each, some thirty a second, until told to stop. */
function holdOn(event: EventView) {
  let isOver = false;
  const holding = (async () => {
    let held = 0;
    while (!isOver) {
      const guest = await Caller.guest(ready);
      await guest.hold(event, [
        `${'ABCDEFGHIJKLMNOPQRSTUVWXY'[held % 25]}-${1 + (Math.floor(held / 25) % 40)}-25`,
      ]);
      held += 1;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return held;
  })();
  return {
    stop() {
      isOver = true;
      return holding;
    },
  };
}

/** Frames that a display of 60 Hz would have shown and the page did not, while the gestures last. */
async function droppedShare(page: Page, gestures: () => Promise<void>): Promise<number> {
  await page.evaluate(() => {
    const times: number[] = [];
    const tick = (now: number) => {
      times.push(now);
      (window as unknown as { frames: number[] }).frames = times;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  await gestures();
  const times = await page.evaluate(() => (window as unknown as { frames: number[] }).frames);
  const frame = 1_000 / 60;
  const due = Math.round(((times.at(-1) as number) - (times[0] as number)) / frame);
  return Math.max(0, due - (times.length - 1)) / due;
}

function report(what: string, value: string) {
  process.stdout.write(`  ${what}: ${value}\n`);
}
