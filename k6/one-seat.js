// Five hundred on one seat at once. One gets it, everybody else hears `seat_taken`.
//
//   k6 run -e ONSALE_URL=… -e ONSALE_ADMIN_TOKEN=… k6/one-seat.js
//   VUS (500)

import { Counter } from 'k6/metrics';

import { audit, call, makeEvent, thresholds, token, unexpected } from './lib/onsale.js';

const vus = Number(__ENV.VUS || 500);
const winners = new Counter('winners');
const losers = new Counter('losers');

export const options = {
  scenarios: {
    crowd: { executor: 'per-vu-iterations', vus, iterations: 1, maxDuration: '1m' },
  },
  thresholds: thresholds(2000, { winners: ['count==1'], losers: [`count==${vus - 1}`] }),
};

export function setup() {
  return makeEvent('k6: one seat', { sections: [{ name: 'A', rows: 1, seats_per_row: 1, price_minor: 9000 }] });
}

export default function want(event) {
  const held = call('POST', `/events/${event.event_id}/seats/A-1-1/lock`, token(), null, [201, 409]);
  if (held.status === 201) {
    winners.add(1);
    call('POST', '/bookings', token(), { event_id: event.event_id, hold_id: held.json('hold_id') }, [201]);
  } else if (held.json('code') === 'seat_taken' && held.json('conflicts.0') === 'A-1-1') {
    losers.add(1);
  } else {
    unexpected.add(1);
  }
}

export function teardown(event) {
  audit(event);
}
