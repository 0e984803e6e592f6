import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, inject, test } from 'vitest';
import { Caller } from './stack.ts';
import { visitorsOf } from './visitors.ts';

const ready = inject('ready');
const admin = Caller.admin(ready);
const { come } = visitorsOf(ready.url);

/** WCAG 2.2, levels A and AA, as far as a machine can tell. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}

const looks: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['on a telephone', { viewport: { width: 360, height: 740 }, colorScheme: 'light' }],
];

describe.each(looks)('%s', (_, options) => {
  test('no page breaks a rule of WCAG 2.2 AA, at any step', async () => {
    const event = await admin.createEvent({
      name: 'For everyone',
      tiers: [{ name: 'Floor', price_minor: 5_000, capacity: 5 }],
      sections: [{ name: 'A', rows: 3, seats_per_row: 6, price_minor: 9_000 }],
    });
    await (await Caller.guest(ready)).hold(event, ['A-1-1']);
    const visitor = await come(options);
    const { page } = visitor;
    const check = async (where: string) =>
      expect({ where, found: await violations(page) }).toEqual({ where, found: [] });
    await page.getByRole('article').first().waitFor();
    await check('events');
    await visitor.watch(ready.url, event.event_id);
    await visitor.showRow('A', 1);
    await visitor.seat('A-1-2').click();
    await check('choosing');
    await visitor.button('Hold').click();
    await visitor.isAt('held');
    await check('held');
    await visitor.button('Book').click();
    await visitor.isAt('reserved');
    await visitor.button('Have it declined').click();
    await check('reserved');
    await visitor.button(/^Pay/).click();
    await visitor.isAt('paid');
    await check('paid');
    await page.getByRole('link', { name: 'My bookings' }).click();
    await page.getByTestId('booking').getByRole('button', { name: 'Cancel booking' }).click();
    await check('bookings');
    await page.getByRole('link', { name: 'Operator' }).click();
    await page.getByLabel('Administrator’s token').waitFor();
    await check('operator, locked');
    await page.getByLabel('Administrator’s token').fill(ready.admin_token);
    await page.getByRole('button', { name: 'Open the office' }).click();
    await page.getByTestId('verdict').waitFor();
    await check('operator');
    await visitor.open(ready.url, '/events/00000000-0000-7000-8000-000000000000');
    await page.getByText('There is no such event').waitFor();
    await check('no such event');
  });
});

test('nor does a sale that is not open yet, paused, sold out or refusing', async () => {
  const tiers = [{ name: 'Floor', price_minor: 5_000, capacity: 1 }];
  const sections = [{ name: 'A', rows: 1, seats_per_row: 4, price_minor: 9_000 }];
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const early = await admin.createEvent({ tiers, on_sale_at: soon });
  const event = await admin.createEvent({ tiers });
  const hall = await admin.createEvent({ sections });
  const visitor = await come({ colorScheme: 'dark' });
  const check = async (where: string) =>
    expect({ where, found: await violations(visitor.page) }).toEqual({ where, found: [] });
  await visitor.watch(ready.url, early.event_id);
  await visitor.page.getByTestId('opens-in').waitFor();
  await check('not open yet');
  await visitor.watch(ready.url, event.event_id);
  const rival = await Caller.guest(ready);
  await rival.call('POST', '/bookings', {
    event_id: event.event_id,
    tier_id: event.tiers[0]?.tier_id,
    quantity: 1,
  });
  await visitor.isTold('news', 'Sold out.');
  await check('sold out');
  await admin.call('PATCH', `/events/${event.event_id}`, { sale_state: 'paused' });
  await visitor.isTold('news', 'The sale is paused.');
  await check('paused');
  await visitor.watch(ready.url, hall.event_id);
  await visitor.showRow('A', 1);
  await visitor.seat('A-1-1').click();
  await rival.hold(hall, ['A-1-1']);
  await visitor.isTold('refusal', 'Seat already held by another customer');
  await check('refused');
});

test('nothing moves for whoever wants less motion', async () => {
  const visitor = await come({ reducedMotion: 'reduce' });
  await visitor.page.getByRole('article').first().waitFor();
  const moving = await visitor.page.evaluate(
    () =>
      [...document.querySelectorAll('*')]
        .map((element) => getComputedStyle(element))
        .filter((style) => style.animationName !== 'none' || Number.parseFloat(style.transitionDuration) > 0)
        .length,
  );
  expect(moving).toBe(0);
});
