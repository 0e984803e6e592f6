// People who look: the list, an event, its seats with live status, page by page. No one buys.
//
//   k6 run -e ONSALE_URL=… -e ONSALE_ADMIN_TOKEN=… k6/browse.js
//   VUS (50), DURATION (10s)

import { check } from 'k6';

import { audit, call, makeEvent, thresholds } from './lib/onsale.js';

export const options = {
  scenarios: {
    crowd: { executor: 'constant-vus', vus: Number(__ENV.VUS || 50), duration: __ENV.DURATION || '10s' },
  },
  thresholds: thresholds(250, { checks: ['rate==1'] }),
};

export function setup() {
  return makeEvent('k6: browse', { sections: [{ name: 'A', rows: 20, seats_per_row: 50, price_minor: 9000 }] });
}

export default function look(event) {
  const path = `/events/${event.event_id}`;
  const list = call('GET', '/events?limit=20', null, null, [200]);
  const seats = call('GET', `${path}/seats`, null, null, [200]);
  const map = call('GET', `${path}/seatmap`, null, null, [200]);
  const tickets = call('GET', `${path}/tickets/all?limit=100&page=2`, null, null, [200]);
  check(null, {
    'the list has events': () => list.json('items').length > 0,
    'every seat has a letter': () => seats.json('states').length === 1000,
    'the map says how many seats there are': () => map.json('seats_total') === 1000,
    'a page is as long as asked for': () => tickets.json('items').length === 100,
  });
}

export function teardown(event) {
  audit(event);
}
