// What the scenarios share: how Onsale is spoken to, and what is never all right.
//
//   ONSALE_URL          the front door
//   ONSALE_ADMIN_TOKEN  makes the event, and audits it at the end
//   P95_MS              the 95th percentile a scenario allows, in milliseconds

import { sleep } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

export const url = (__ENV.ONSALE_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');

// Every answer that is neither what was asked for nor a refusal the scenario expects.
export const unexpected = new Counter('unexpected_answers');
// Answers of 500 and above.
export const failures = new Counter('server_failures');
// Whatever the audit finds once the crowd is gone.
export const auditFindings = new Counter('audit_findings');

/** Thresholds of every scenario; each adds its exact number of winners. */
export function thresholds(p95Ms, more) {
  return {
    unexpected_answers: ['count==0'],
    server_failures: ['count==0'],
    audit_findings: ['count==0'],
    http_req_duration: [`p(95)<${__ENV.P95_MS || p95Ms}`],
    ...more,
  };
}

function headers(token) {
  return { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) };
}

/** Sends a request and counts its answer, unless the status is one of the expected. */
export function call(method, path, token, body, expected) {
  const answer = http.request(method, `${url}/api/v1${path}`, body ? JSON.stringify(body) : null, {
    headers: headers(token),
    responseCallback: http.expectedStatuses(...expected),
    tags: { name: path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}').replace(/A-\d+-\d+/, '{seat}') },
    timeout: '40s',
  });
  if (answer.status >= 500) {
    failures.add(1);
  }
  if (!expected.includes(answer.status)) {
    unexpected.add(1);
    console.error(`${method} ${path}: ${answer.status} ${answer.body}`);
  }
  return answer;
}

/** An event on sale since an hour, a month before it starts, with the inventory given. */
export function makeEvent(name, inventory) {
  const admin = __ENV.ONSALE_ADMIN_TOKEN;
  if (!admin) {
    throw new Error('ONSALE_ADMIN_TOKEN is not set; `onsale up` prints one');
  }
  const day = 24 * 3600 * 1000;
  const time = (ms) => new Date(Date.now() + ms).toISOString();
  const answer = call('POST', '/events', admin, {
    name, venue: 'Loopback', currency: 'EUR',
    on_sale_at: time(-3600 * 1000), starts_at: time(30 * day), ends_at: time(31 * day),
    per_customer_max: 1000000, hold_ttl_seconds: 60, payment_ttl_seconds: 900,
    tiers: [], sections: [], ...inventory,
  }, [201]);
  return answer.json();
}

let mine;

/** This VU's guest token; asked for once. */
export function token() {
  mine = mine || call('POST', '/sessions', null, null, [201]).json('token');
  return mine;
}

/** At the end: nothing oversold, every ticket accounted for. What is under way may take a moment to settle. */
export function audit(event) {
  let found;
  for (let left = 50; left > 0; left -= 1) {
    const answer = call('GET', `/events/${event.event_id}/audit`, __ENV.ONSALE_ADMIN_TOKEN, null, [200]);
    found = answer.json();
    if (found.ok) {
      return found;
    }
    sleep(0.2);
  }
  auditFindings.add(1);
  console.error(`the audit is not clean: ${JSON.stringify(found)}`);
  return found;
}
