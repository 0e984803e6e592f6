/** Takes the pictures of docs/pictures: `make pictures`. Not a test, but it needs all that the tests need. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject, test } from 'vitest';
import type { EventView } from '../src/api/types.ts';
import { seatingOf, seatLabel } from '../src/map/seating.ts';
import type { Visitor } from './browser.ts';
import { Caller } from './stack.ts';
import { visitorsOf } from './visitors.ts';

const ready = inject('ready');
const admin = Caller.admin(ready);
const { come } = visitorsOf(ready.url);
const folder = join(import.meta.dirname, '../../docs/pictures');
mkdirSync(folder, { recursive: true });

async function take(visitor: Visitor, name: string) {
  await visitor.page.mouse.move(0, 0);
  await visitor.page.evaluate(() => document.fonts.ready);
  await visitor.page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}

/** The same crowd each time: front and middle first, some only holding, some not having paid. */
async function fill(event: EventView, share: number) {
  const seating = seatingOf(event.sections);
  let state = 7;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const wanted: string[] = [];
  for (let seat = 0; seat < seating.total; seat += 1) {
    const isEarly = 1 - seat / seating.total;
    if (random() < share * (0.4 + 1.2 * isEarly)) wanted.push(seatLabel(seating, seat));
  }
  for (let first = 0; first < wanted.length; first += 4) {
    const guest = await Caller.guest(ready);
    const hold = await guest.hold(event, wanted.slice(first, first + 4));
    const fate = random();
    if (fate < 0.12) continue;
    const booking = await guest.book(hold);
    if (fate > 0.25) await guest.confirm(booking);
  }
}

async function demo(name: string): Promise<EventView> {
  const { items } = await admin.call<{ items: EventView[] }>('GET', '/events');
  const event = items.find((item) => item.name.includes(name));
  if (!event) throw new Error(`no demo event is called ${name}`);
  return event;
}

test('pictures', { timeout: 300_000 }, async () => {
  const [hall, stadium] = [await demo('hall'), await demo('stadium')];
  await fill(hall, 0.45);
  await fill(stadium, 0.2);

  const light = await come({ viewport: { width: 1280, height: 900 } });
  await light.watch(ready.url, hall.event_id);
  const free = (await admin.call<{ states: string }>('GET', `/events/${hall.event_id}/seats`)).states;
  const seating = seatingOf(hall.sections);
  const pair = [...free].findIndex((state, seat) => seat > 300 && state === 'a' && free[seat + 1] === 'a');
  for (const seat of [pair, pair + 1]) {
    const { x, y } = await light.mapPoint(hall, seatLabel(seating, seat));
    await light.page.mouse.click(x, y);
  }
  await light.button('Hold 2 tickets').click();
  await light.isAt('held');
  await light.page.evaluate(() => window.scrollTo(0, 0));
  await take(light, 'seats');

  const dark = await come({ viewport: { width: 1280, height: 900 }, colorScheme: 'dark' });
  await dark.watch(ready.url, stadium.event_id);
  await take(dark, 'stadium');

  const phone = await come({
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  });
  await phone.watch(ready.url, hall.event_id);
  const next = [...free].findIndex((state, seat) => seat > pair + 60 && state === 'a');
  const { x, y } = await phone.mapPoint(hall, seatLabel(seating, next));
  await phone.page.touchscreen.tap(x, y);
  await phone.button('Hold').tap();
  await phone.isAt('held');
  await phone.button('Book').tap();
  await phone.isAt('reserved');
  await take(phone, 'telephone');

  const list = await come({ viewport: { width: 1280, height: 420 } });
  await list.page.getByRole('article').first().waitFor();
  await take(list, 'events');

  const operator = await come({ viewport: { width: 1280, height: 900 } });
  await operator.open(ready.url, '/operator');
  await operator.page.getByLabel('Administrator’s token').fill(ready.admin_token);
  await operator.page.getByRole('button', { name: 'Open the office' }).click();
  const flash = await demo('Flash');
  await operator.page.getByLabel('Event to watch').selectOption(flash.event_id);
  const tier_id = flash.tiers[0]?.tier_id;
  const until = Date.now() + 25_000;
  const guests = await Promise.all(Array.from({ length: 40 }, () => Caller.guest(ready)));
  await Promise.all(
    guests.map(async (guest, place) => {
      while (Date.now() < until) {
        const body = { event_id: flash.event_id, tier_id, quantity: 1 };
        await guest.call('POST', '/bookings', body).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 150 + 7 * place));
      }
    }),
  );
  await take(operator, 'operator');
});
