// The long run: people look, hold, give back, book, pay and cancel, at an even rate, for as long as you like. Afterwards
// every ticket is accounted for.
//
//   k6 run -e ONSALE_URL=… -e ONSALE_ADMIN_TOKEN=… -e DURATION=1h k6/soak.js
//   RATE (50 visits a second), DURATION (10m)

import { sleep } from 'k6';

import { audit, call, makeEvent, thresholds, token } from './lib/onsale.js';

export const options = {
  scenarios: {
    visits: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE || 50),
      timeUnit: '1s',
      duration: __ENV.DURATION || '10m',
      preAllocatedVUs: 100,
      maxVUs: 500,
    },
  },
  thresholds: thresholds(250, { dropped_iterations: ['count==0'] }),
};

export function setup() {
  return makeEvent('k6: soak', {
    payment_ttl_seconds: 30,
    hold_ttl_seconds: 10,
    tiers: [{ name: 'Floor', price_minor: 5000, capacity: 2000 }],
    sections: [{ name: 'A', rows: 40, seats_per_row: 50, price_minor: 9000 }],
  });
}

export default function visit(event) {
  const path = `/events/${event.event_id}`;
  call('GET', path, null, null, [200]);
  const held = call('POST', `${path}/holds`, token(), wish(event), [201, 409]);
  if (held.status !== 201) {
    return;
  }
  sleep(Math.random());
  const chance = Math.random();
  if (chance < 0.3) {
    return; // They never come back; the hold ends by itself.
  }
  if (chance < 0.5) {
    call('DELETE', `${path}/holds/${held.json('hold_id')}`, token(), null, [204]);
    return;
  }
  const hold = { event_id: event.event_id, hold_id: held.json('hold_id') };
  const booking = call('POST', '/bookings', token(), hold, [201]).json('booking_id');
  if (chance < 0.7) {
    call('POST', `/bookings/${booking}/confirm`, token(), null, [200]);
  }
  if (chance < 0.9) {
    // Cancelled, paid for or not, so that there is always something left to sell; the rest is never paid for.
    call('POST', `/bookings/${booking}/cancel`, token(), null, [200]);
  }
}

function wish(event) {
  if (Math.random() < 0.5) {
    return { tier_id: event.tiers[0].tier_id, quantity: 1 + Math.floor(Math.random() * 3) };
  }
  const row = 1 + Math.floor(Math.random() * 40);
  const seat = 1 + Math.floor(Math.random() * 49);
  return { seats: [`A-${row}-${seat}`, `A-${row}-${seat + 1}`] };
}

export function teardown(event) {
  audit(event);
}
