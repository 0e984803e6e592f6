// Watchers of the live feed, while seats are taken and given back: nobody misses a step, and no sequence goes back.
//
//   k6 run -e ONSALE_URL=… -e ONSALE_ADMIN_TOKEN=… k6/websocket.js
//   WATCHERS (100), DURATION (10s)

import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import ws from 'k6/ws';

import { audit, call, makeEvent, thresholds, token, url } from './lib/onsale.js';

const watchers = Number(__ENV.WATCHERS || 100);
// As k6 writes durations: 90s, 2m, 1h; a bare number is seconds.
const [, count, unit] = /^(\d+)([smh]?)$/.exec(__ENV.DURATION || '10s');
const seconds = Number(count) * { '': 1, s: 1, m: 60, h: 3600 }[unit];
const steps = new Counter('feed_steps');
const gaps = new Counter('feed_gaps');
const refused = new Counter('feed_refused');
const cut = new Counter('feed_cut_off');

export const options = {
  scenarios: {
    watchers: { executor: 'per-vu-iterations', vus: watchers, iterations: 1, exec: 'watch', maxDuration: `${seconds + 60}s` },
    buyers: { executor: 'constant-vus', vus: 4, duration: `${seconds}s`, exec: 'take', startTime: '1s' },
  },
  thresholds: thresholds(250, { feed_gaps: ['count==0'], feed_refused: ['count==0'], feed_cut_off: ['count==0'], feed_steps: ['count>0'] }),
};

export function setup() {
  return makeEvent('k6: websocket', { sections: [{ name: 'A', rows: 10, seats_per_row: 20, price_minor: 9000 }] });
}

export function watch(event) {
  const address = `${url.replace('http', 'ws')}/api/v1/events/${event.event_id}/live`;
  let sequence = -1;
  let isOver = false;
  const answer = ws.connect(address, {}, (socket) => {
    socket.setTimeout(() => {
      isOver = true;
      socket.close();
    }, (seconds + 2) * 1000);
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.type === 'delta') {
        steps.add(1);
        if (sequence < 0 || message.previous > sequence || message.sequence < sequence) {
          gaps.add(1);
        }
      }
      sequence = message.sequence ?? sequence;
    });
  });
  if (!answer || answer.status !== 101) {
    refused.add(1);
  } else if (!isOver) {
    cut.add(1);
  }
}

export function take(event) {
  const seat = `A-${1 + Math.floor(Math.random() * 10)}-${1 + Math.floor(Math.random() * 20)}`;
  const held = call('POST', `/events/${event.event_id}/seats/${seat}/lock`, token(), null, [201, 409]);
  sleep(0.05);
  if (held.status === 201) {
    call('POST', `/events/${event.event_id}/seats/${seat}/unlock`, token(), null, [204]);
  }
}

export function teardown(event) {
  audit(event);
}
