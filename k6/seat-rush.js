// A hundred seats, and a crowd that grows to 1,500: everybody locks a seat at random and books it. Each seat is sold once.
//
//   k6 run -e ONSALE_URL=… -e ONSALE_ADMIN_TOKEN=… k6/seat-rush.js
//   VUS (1500), SEATS (100); RAMP, the length of each of the three stages (10s to a fifth, 30s to all, 10s to none)

import { sleep } from 'k6';
import { Counter } from 'k6/metrics';

import { audit, call, makeEvent, thresholds, token, unexpected } from './lib/onsale.js';

const vus = Number(__ENV.VUS || 1500);
const seats = Number(__ENV.SEATS || 100);
const sold = new Counter('seats_sold');

export const options = {
  stages: [
    { duration: __ENV.RAMP || '10s', target: Math.ceil(vus / 5) },
    { duration: __ENV.RAMP || '30s', target: vus },
    { duration: __ENV.RAMP || '10s', target: 0 },
  ],
  thresholds: thresholds(1000, { seats_sold: [`count==${seats}`] }),
};

export function setup() {
  return makeEvent('k6: seat rush', { sections: [{ name: 'A', rows: 1, seats_per_row: seats, price_minor: 9000 }] });
}

export default function rush(event) {
  const seat = `A-1-${1 + Math.floor(Math.random() * seats)}`;
  const held = call('POST', `/events/${event.event_id}/seats/${seat}/lock`, token(), null, [201, 409]);
  if (held.status === 201) {
    const hold = { event_id: event.event_id, hold_id: held.json('hold_id') };
    const booked = call('POST', '/bookings', token(), hold, [201]);
    if (booked.json('seats.0') === seat) {
      sold.add(1);
    } else {
      unexpected.add(1);
    }
  } else if (held.json('code') !== 'seat_taken') {
    unexpected.add(1);
  }
  sleep(Math.random() * 0.5);
}

export function teardown(event) {
  audit(event);
}
