/** Visitors: each a context of its own in one Chromium, with what a test asks them to do and see. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { EventView } from '../src/api/types.ts';
import { fitted } from '../src/map/fitted.ts';
import { layoutOf } from '../src/map/layout.ts';
import { LOOKS, Look } from '../src/map/looks.ts';
import { seatIndex, seatingOf } from '../src/map/seating.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, headless: true });
}

export class Visitor {
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) this.complaints.push(message.text());
    });
    page.setDefaultTimeout(10_000);
  }

  static async come(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    return new Visitor(await context.newPage());
  }

  /** The same visitor's other tab. */
  tab(page: Page): Visitor {
    return new Visitor(page);
  }

  async open(base: string, path: string) {
    await this.page.goto(base + path);
  }

  /** Opens an event and waits until its feed is heard. */
  async watch(base: string, eventId: string) {
    await this.open(base, `/events/${eventId}`);
    await this.isLive();
  }

  async isLive() {
    await this.page.getByTestId('live-status').filter({ hasText: 'Live' }).waitFor();
  }

  async leave() {
    await this.page.context().close();
  }

  /** Chooses the section and row of the list beside the map. */
  async showRow(section: string, row: number) {
    const list = this.page.getByTestId('seat-list');
    if ((await list.getAttribute('open')) === null) await list.locator('summary').click();
    const index = await list
      .getByLabel('Section', { exact: true })
      .locator('option')
      .evaluateAll(
        (options, name) => options.findIndex((option) => option.textContent?.startsWith(`${name} `)),
        section,
      );
    await list.getByLabel('Section', { exact: true }).selectOption({ index });
    await list.getByLabel('Row', { exact: true }).selectOption(String(row));
  }

  seat(label: string) {
    return this.page.getByRole('button', { name: `Seat ${label},` });
  }

  /** Waits until the list shows a seat so. */
  async sees(label: string, look: Look) {
    const text = LOOKS[look]?.text.toLowerCase();
    await this.page.getByRole('button', { name: new RegExp(`^Seat ${label},.*, ${text}$`) }).waitFor();
  }

  /** Where the map shows a seat while it shows the whole hall, in the window. */
  async mapPoint(event: EventView, label: string): Promise<{ x: number; y: number }> {
    const map = this.page.getByTestId('map');
    await map.scrollIntoViewIfNeeded();
    const frame = await map.evaluate((element) => {
      const { left, top } = element.getBoundingClientRect();
      const { clientLeft, clientTop, clientWidth, clientHeight } = element;
      return { left: left + clientLeft, top: top + clientTop, width: clientWidth, height: clientHeight };
    });
    const seating = seatingOf(event.sections);
    const { xs, ys, box } = layoutOf(seating);
    const seat = seatIndex(seating, label) as number;
    const view = fitted(box, frame.width, frame.height);
    return {
      x: frame.left + (xs[seat] as number) * view.scale + view.x,
      y: frame.top + (ys[seat] as number) * view.scale + view.y,
    };
  }

  /** What the map says of a seat under the pointer. */
  async tooltip(event: EventView, label: string): Promise<string> {
    const { x, y } = await this.mapPoint(event, label);
    await this.page.mouse.move(x + 1, y);
    await this.page.mouse.move(x, y);
    return this.page.getByTestId('tooltip').innerText();
  }

  /** Waits for something that is told, and how: as a refusal, a failure, or news. */
  async isTold(kind: 'refusal' | 'failure' | 'news' | 'good', text: string | RegExp) {
    await this.page.locator(`[data-testid=notice][data-kind=${kind}]`).filter({ hasText: text }).waitFor();
  }

  button(name: string | RegExp) {
    return this.page.getByTestId('purchase').getByRole('button', { name });
  }

  async isAt(step: string) {
    await this.page.locator(`[data-testid=purchase][data-step=${step}]`).waitFor();
  }

  async hold(...labels: string[]) {
    for (const label of labels) await this.seat(label).click();
    await this.button(/^Hold/).click();
    await this.isAt('held');
  }

  async bookAndPay() {
    await this.button('Book').click();
    await this.isAt('reserved');
    await this.button(/^Pay/).click();
    await this.isAt('paid');
  }
}

export { Look };
