import { expect, inject, test } from 'vitest';
import { Look } from './browser.ts';
import { Caller } from './stack.ts';
import { visitorsOf } from './visitors.ts';

const ready = inject('ready');
const admin = Caller.admin(ready);
const { come } = visitorsOf(ready.url);
const seats = [
  { name: 'A', rows: 4, seats_per_row: 8, price_minor: 9_000 },
  { name: 'B', rows: 4, seats_per_row: 8, price_minor: 4_000 },
];
const tiers = [{ name: 'Floor', price_minor: 5_000, capacity: 5 }];

test('the list says what is on, when, where, for how much, and how much is left', async () => {
  const event = await admin.createEvent({ name: 'Much and little', venue: 'Old Mill', sections: seats });
  await (await Caller.guest(ready)).hold(event, ['B-1-1']);
  const { page } = await come();
  const card = page.getByRole('article').filter({ hasText: 'Much and little' });
  await card.getByText('63 of 64 left').waitFor();
  expect(await card.innerText()).toMatch(/Old Mill/);
  expect(await card.innerText()).toMatch(/€40\.00 – €90\.00/);
  await card.getByRole('link').click();
  await page.getByRole('heading', { name: 'Much and little' }).waitFor();
});

test('seats are chosen on the map, several at once, and told with label and price', async () => {
  const event = await admin.createEvent({ sections: seats });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  for (const label of ['A-2-4', 'B-3-5']) {
    const { x, y } = await visitor.mapPoint(event, label);
    await visitor.page.mouse.click(x, y);
  }
  expect(await visitor.page.getByTestId('items').innerText()).toBe('A-2-4, B-3-5');
  expect(await visitor.tooltip(event, 'B-3-5')).toMatch(/B-3-5 · €40\.00\s+Your choice/);
  await visitor.button('Hold 2 tickets').click();
  await visitor.isAt('held');
  expect(await visitor.page.getByTestId('purchase').innerText()).toMatch(/€130\.00/);
  const { customer_id } = await visitor.page.evaluate(() =>
    JSON.parse(localStorage.getItem('onsale.session') ?? ''),
  );
  expect(await visitor.page.getByTestId('customer').innerText()).toBe(customer_id.slice(0, 8));
  expect(await visitor.tooltip(event, 'A-2-4')).toMatch(/Yours/);
});

test('a hold counts down, is extended, survives a reload, and is released', async () => {
  const event = await admin.createEvent({ sections: seats, hold_ttl_seconds: 30 });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.hold('A-1-1');
  const countdown = visitor.page.getByTestId('countdown');
  await expect.poll(() => countdown.innerText()).toMatch(/^0:2[0-7]$/);
  await visitor.button('More time').click();
  await visitor.page.getByText('The full time again.').waitFor();
  await expect.poll(() => countdown.innerText()).toMatch(/^0:(30|29|28)$/);
  await visitor.page.reload();
  await visitor.isAt('held');
  await visitor.isLive();
  expect(await visitor.tooltip(event, 'A-1-1')).toMatch(/Yours/);
  await visitor.button('Release').click();
  await visitor.isAt('choosing');
  expect(await admin.seatState(event, 0)).toBe('a');
});

test('a payment is declined, then made; the booking is listed and can be cancelled', async () => {
  const event = await admin.createEvent({ name: 'Paid in the end', sections: seats });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.hold('A-1-2');
  await visitor.button('Book').click();
  await visitor.isAt('reserved');
  const reference = await visitor.page.getByTestId('reference').innerText();
  await visitor.button('Have it declined').click();
  await visitor.isTold('failure', 'declined');
  expect(await admin.seatState(event, 1)).toBe('r');
  await visitor.page.reload();
  await visitor.isAt('reserved');
  await visitor.button(/^Pay/).click();
  await visitor.isAt('paid');
  expect(await admin.seatState(event, 1)).toBe('s');

  await visitor.page.getByRole('link', { name: 'My bookings' }).click();
  const booking = visitor.page.getByTestId('booking').filter({ hasText: reference });
  expect(await booking.innerText()).toMatch(/Paid in the end/);
  expect(await booking.getAttribute('data-status')).toBe('confirmed');
  await booking.getByRole('button', { name: 'Cancel booking' }).click();
  await booking.getByRole('button', { name: 'Yes, cancel it' }).click();
  await visitor.page.locator('[data-testid=booking][data-status=cancelled]').waitFor();
  await expect.poll(() => admin.seatState(event, 1)).toBe('a');
});

test('a hold whose answer is lost is given back, and never called another customer’s', async () => {
  const event = await admin.createEvent({ sections: seats });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.page.route('**/holds', async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  await visitor.seat('A-1-4').click();
  await visitor.seat('A-1-5').click();
  await visitor.button('Hold 2 tickets').click();
  await visitor.isTold('failure', 'We could not reach the ticket office');
  await expect.poll(() => admin.seatState(event, 3)).toBe('a');
  await expect.poll(() => admin.seatState(event, 4)).toBe('a');
  expect(await visitor.page.getByText('held by another customer').count()).toBe(0);
  await visitor.page.unroute('**/holds');
  await visitor.button('Hold 2 tickets').click();
  await visitor.isAt('held');
});

test('a booking whose answer is lost is found again, not told as over', async () => {
  const event = await admin.createEvent({ sections: seats });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.hold('A-1-6');
  let isLost = true;
  await visitor.page.route('**/bookings', async (route) => {
    if (!isLost || route.request().method() !== 'POST') return route.continue();
    isLost = false;
    await route.fetch();
    await route.abort('connectionreset');
  });
  await visitor.button('Book').click();
  await visitor.isAt('reserved');
  expect(await admin.seatState(event, 5)).toBe('r');
});

test('two tabs each have their hold, and either survives the other’s end', async () => {
  const event = await admin.createEvent({ sections: seats });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.hold('A-1-1');
  const tab = await visitor.page.context().newPage();
  const other = visitor.tab(tab);
  await other.watch(ready.url, event.event_id);
  await other.isAt('held');
  await other.button('Release').click();
  await other.isAt('choosing');
  await other.showRow('A', 1);
  await other.hold('A-1-2');
  await visitor.button('Release').click();
  // The hold that is still there is the one taken up next.
  await expect.poll(() => visitor.page.getByTestId('items').innerText()).toBe('A-1-2');
  expect(await admin.seatState(event, 1)).toBe('h');
});

test('an unpaid booking runs out and its seats are free again', async () => {
  const event = await admin.createEvent({ sections: seats, payment_ttl_seconds: 4 });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.hold('A-1-3');
  await visitor.button('Book').click();
  await visitor.isAt('reserved');
  await visitor.isTold('news', 'The time to pay is over; the tickets are on sale again.');
  expect(await admin.seatState(event, 2)).toBe('a');
  await visitor.sees('A-1-3', Look.available);
  await visitor.hold('A-1-3');
});

test('tickets of a tier are bought by quantity until they are sold out', async () => {
  const event = await admin.createEvent({ tiers });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  const { page } = visitor;
  for (let ticket = 0; ticket < 3; ticket += 1)
    await page.getByRole('button', { name: 'One Floor more' }).click();
  expect(await page.getByTestId('items').innerText()).toBe('3 × Floor');
  await visitor.button('Hold 3 tickets').click();
  await visitor.isAt('held');
  await page.getByTestId('tier-available').filter({ hasText: '2 left' }).waitFor();
  await visitor.bookAndPay();
  const rival = await Caller.guest(ready);
  const tier_id = event.tiers[0]?.tier_id;
  await rival.call('POST', '/bookings', { event_id: event.event_id, tier_id, quantity: 2 });
  await page.getByTestId('tier-available').filter({ hasText: 'sold out' }).waitFor();
  await page.getByText('Sold out. Tickets that are not paid for').waitFor();
});

test('a sale that is not open yet counts down by the server’s clock, whatever the visitor’s says, and opens', async () => {
  const on_sale_at = new Date(Date.now() + 12_000).toISOString();
  const event = await admin.createEvent({ tiers, on_sale_at });
  const visitor = await come();
  // An hour ahead: by that clock the sale would be open.
  await visitor.page.clock.install({ time: Date.now() + 3_600_000 });
  await visitor.watch(ready.url, event.event_id);
  await visitor.page.clock.resume();
  await expect.poll(() => visitor.page.getByTestId('opens-in').innerText()).toMatch(/^0:(0[1-9]|1[0-2])$/);
  const more = visitor.page.getByRole('button', { name: 'One Floor more' });
  expect(await more.isDisabled()).toBe(true);
  await visitor.page.getByText('On sale', { exact: true }).waitFor({ timeout: 20_000 });
  await more.click();
  await visitor.button('Hold').click();
  await visitor.isAt('held');
});

test('a pause and its end are shown at once, and a limit is told', async () => {
  const event = await admin.createEvent({ tiers, per_customer_max: 1 });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await admin.call('PATCH', `/events/${event.event_id}`, { sale_state: 'paused' });
  await visitor.page.getByText('The sale is paused.').waitFor();
  await admin.call('PATCH', `/events/${event.event_id}`, { sale_state: 'open' });
  await visitor.page.getByText('On sale', { exact: true }).waitFor();
  const more = visitor.page.getByRole('button', { name: 'One Floor more' });
  await more.click();
  expect(await more.isDisabled()).toBe(true);
  await visitor.button('Hold').click();
  await visitor.isAt('held');
  await visitor.bookAndPay();
  await visitor.button('Buy more').click();
  await more.click();
  await visitor.button('Hold').click();
  await visitor.isTold('refusal', 'at most 1 tickets');
});

test('an outage is told as one, never as sold out, and a visitor who is offline is told so', async () => {
  const event = await admin.createEvent({ sections: seats });
  const visitor = await come();
  await visitor.watch(ready.url, event.event_id);
  await visitor.showRow('A', 1);
  await visitor.page.context().setOffline(true);
  await visitor.page.getByText('You are offline.').waitFor();
  await visitor.seat('A-1-1').click();
  await visitor.button('Hold').click();
  await visitor.isTold('failure', 'We could not reach the ticket office');
  await visitor.isAt('choosing');
  expect(await visitor.page.getByTestId('items').innerText()).toBe('A-1-1');
  await visitor.page.context().setOffline(false);
  await visitor.isLive();
  await visitor.button('Hold').click();
  await visitor.isAt('held');
});

test('a purchase by keyboard alone', async () => {
  // The first of the list, however many other tests have made theirs.
  const starts_at = new Date(Date.now() + 3_600_000).toISOString();
  const event = await admin.createEvent({ name: 'Keys only', sections: seats, starts_at });
  const visitor = await come();
  const { keyboard } = visitor.page;
  /** Tabs on until the focus is on what is called so. */
  const tabTo = async (name: string | RegExp) => {
    for (let tabs = 0; tabs < 80; tabs += 1) {
      await keyboard.press('Tab');
      const focused = await visitor.page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const label =
          element.getAttribute('aria-label') ?? (element as HTMLSelectElement).labels?.[0]?.textContent;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return {
          // While a page is exchanged for the next the focus is on all of it, which says everything.
          name: element.matches('a, button, input, select, summary')
            ? (label ?? element.textContent ?? '')
            : '',
          isVisible: outlineStyle !== 'none' && outlineWidth !== '0px',
        };
      });
      if (focused.name.match(name)) {
        expect(focused.isVisible).toBe(true);
        return;
      }
    }
    throw new Error(`${name} cannot be reached by Tab`);
  };
  await tabTo('Keys only');
  await keyboard.press('Enter');
  await visitor.isLive();
  await tabTo('Choose seats from a list');
  await keyboard.press('Enter');
  await tabTo(/^Section$/);
  await keyboard.press('ArrowDown');
  await tabTo(/^Row$/);
  await keyboard.press('ArrowDown');
  await tabTo(/^Seat B-2-1,/);
  await keyboard.press('ArrowRight');
  await keyboard.press('ArrowRight');
  await keyboard.press('Space');
  await visitor.sees('B-2-3', Look.chosen);
  await tabTo(/^Hold$/);
  await keyboard.press('Enter');
  await visitor.isAt('held');
  await tabTo(/^Book$/);
  await keyboard.press('Enter');
  await visitor.isAt('reserved');
  await tabTo(/^Pay/);
  await keyboard.press('Enter');
  await visitor.isAt('paid');
  expect(await admin.seatState(event, 32 + 8 + 2)).toBe('s');
});

test('a purchase on a telephone', async () => {
  const event = await admin.createEvent({ sections: seats });
  const visitor = await come({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await visitor.watch(ready.url, event.event_id);
  const sideways = () =>
    visitor.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  expect(await sideways()).toBe(false);
  const { x, y } = await visitor.mapPoint(event, 'A-1-5');
  await visitor.page.touchscreen.tap(x, y);
  expect(await visitor.page.getByTestId('items').innerText()).toBe('A-1-5');
  await visitor.button('Hold').tap();
  await visitor.isAt('held');
  expect(await sideways()).toBe(false);
  await visitor.button('Book').tap();
  await visitor.isAt('reserved');
  await visitor.button(/^Pay/).tap();
  await visitor.isAt('paid');
});
