import { expect, inject, test } from 'vitest';
import type { EventView } from '../src/api/types.ts';
import { Caller } from './stack.ts';
import { visitorsOf } from './visitors.ts';

const ready = inject('ready');
const { come } = visitorsOf(ready.url);

test('an operator makes an event, watches it sell, and pauses it', async () => {
  const { page } = await come();
  await page.getByRole('link', { name: 'Operator' }).click();
  const guest = await page.request.post(`${ready.url}/api/v1/sessions`);
  await page.getByLabel('Administrator’s token').fill((await guest.json()).token);
  await page.getByRole('button', { name: 'Open the office' }).click();
  await page.getByText('This is not an administrator’s token.').waitFor();
  await page.getByLabel('Administrator’s token').fill(ready.admin_token);
  await page.getByRole('button', { name: 'Open the office' }).click();

  await page.getByLabel('Name', { exact: true }).fill('Made by hand');
  await page.getByLabel('Venue').fill('The yard');
  const tiers = page.getByLabel('Tiers', { exact: true }).and(page.locator('textarea'));
  await tiers.fill('Yard, 12.5');
  await page.getByRole('button', { name: 'Make the event' }).click();
  await page.getByText('“Yard, 12.5” is not: name, price, capacity.').waitFor();
  await tiers.fill('Yard, 12.5, 3');
  await page.getByLabel('Seat sections').fill('A, 1, 2, 20');
  await page.getByRole('button', { name: 'Make the event' }).click();
  await page.getByText('Made by hand is made.').waitFor();

  const board = page.getByTestId('board');
  await board.getByText('0 of 5').waitFor();
  await board.getByText('The audit is clean').waitFor();
  const list = await (await page.request.get(`${ready.url}/api/v1/events?limit=100`)).json();
  const event = list.items.find((item: EventView) => item.name === 'Made by hand') as EventView;
  const [tier] = event.tiers;
  expect([tier?.price_minor, tier?.capacity, event.sections[0]?.price_minor]).toEqual([1_250, 3, 2_000]);

  const body = { event_id: event.event_id, tier_id: tier?.tier_id, quantity: 3 };
  await (await Caller.guest(ready)).call('POST', '/bookings', body);
  for (let refused = 0; refused < 25; refused += 1) {
    await expect((await Caller.guest(ready)).call('POST', '/bookings', body)).rejects.toThrow(/409/);
  }
  await board.getByText('3 of 5').waitFor();
  const turnedAway = board.locator('dd').nth(3);
  await expect.poll(() => turnedAway.innerText(), { timeout: 10_000 }).toBe('25');
  const peak = board.locator('figure').filter({ hasText: 'Refused' }).locator('p');
  await expect.poll(() => peak.innerText(), { timeout: 10_000 }).toMatch(/peak [1-9]/);

  await board.getByRole('button', { name: 'Pause the sale' }).click();
  await board.getByText('The sale is paused.').waitFor();
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await page.getByLabel('Administrator’s token').waitFor();
});
