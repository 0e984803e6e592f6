// A flash sale: 100 tickets, and many times as many who want one. Exactly 100 get one, everybody else hears `sold_out`.
//
//   k6 run -e ONSALE_URL=… -e ONSALE_ADMIN_TOKEN=… k6/flash-sale.js
//   VUS (50), DURATION (10s), CAPACITY (100)

import { Counter } from 'k6/metrics';

import { audit, call, makeEvent, thresholds, token, unexpected } from './lib/onsale.js';

const capacity = Number(__ENV.CAPACITY || 100);
const sold = new Counter('tickets_sold');

export const options = {
  scenarios: {
    crowd: { executor: 'constant-vus', vus: Number(__ENV.VUS || 50), duration: __ENV.DURATION || '10s' },
  },
  thresholds: thresholds(100, { tickets_sold: [`count==${capacity}`] }),
};

export function setup() {
  return makeEvent('k6: flash sale', { tiers: [{ name: 'Floor', price_minor: 5000, capacity }] });
}

export default function buy(event) {
  const wanted = { event_id: event.event_id, tier_id: event.tiers[0].tier_id, quantity: 1 };
  const answer = call('POST', '/bookings', token(), wanted, [201, 409]);
  if (answer.status === 201) {
    sold.add(1);
  } else if (answer.json('code') !== 'sold_out') {
    unexpected.add(1);
  }
}

export function teardown(event) {
  audit(event);
}
