import { expect, inject, test } from 'vitest';
import { visitorsOf } from './visitors.ts';

const ready = inject('ready');
const { come } = visitorsOf(ready.url);

test('the API is shown for people, and can be tried there', async () => {
  const { page } = await come();
  await page.goto(`${ready.url}/api/docs`);
  await page.getByRole('heading', { name: 'Onsale' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/api/docs/');
  const operation = page.locator('#operations-sessions-sessions_create');
  await operation.getByText('/sessions', { exact: true }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table').getByText('customer_id').waitFor();
});
