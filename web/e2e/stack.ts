/** `onsale up`, and calls to it that are not the page's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BookingView, EventView, HoldView, NewEvent } from '../src/api/types.ts';

const START_MAX_MS = 90_000;

/** What `--ready-file` says. */
export interface Ready {
  url: string;
  replicas: string[];
  admin_token: string;
  redis: string;
  pids: { gatekeeper: number[]; vault: number };
}

export interface Stack {
  ready: Ready;
  stop: () => Promise<void>;
}

export async function startStack(flags: string[]): Promise<Stack> {
  const root = resolve(import.meta.dirname, '../..');
  const program = process.env.ONSALE_BIN ?? join(root, 'target/debug/onsale');
  const page = join(root, 'web/dist');
  if (!existsSync(program)) throw new Error(`${program} is missing: build it with \`cargo build --bins\``);
  if (!existsSync(page)) throw new Error(`${page} is missing: build it with \`npm run build\``);
  const folder = mkdtempSync(join(tmpdir(), 'onsale-e2e-'));
  const readyFile = join(folder, 'ready.json');
  const child = spawn(program, ['up', '--page', page, '--ready-file', readyFile, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const exited = once(child, 'exit');
  const until = Date.now() + START_MAX_MS;
  // The file is written once more when the demo events are there; either will do.
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null || Date.now() > until) {
      child.kill();
      throw new Error(`onsale up did not become ready:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    ready: JSON.parse(readFileSync(readyFile, 'utf8')) as Ready,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Someone who uses the API without the page. */
export class Caller {
  constructor(
    private readonly base: string,
    private readonly token?: string,
  ) {}

  static admin(ready: Ready): Caller {
    return new Caller(ready.url, ready.admin_token);
  }

  static async guest(ready: Ready): Promise<Caller> {
    const { token } = await new Caller(ready.url).call<{ token: string }>('POST', '/sessions');
    return new Caller(ready.url, token);
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.base}/api/v1${path}`, {
      method,
      headers: {
        ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  createEvent(change: Partial<NewEvent>): Promise<EventView> {
    const now = Date.now();
    const at = (hours: number) => new Date(now + hours * 3_600_000).toISOString();
    const event: NewEvent = {
      name: 'A night out',
      venue: 'The hall',
      currency: 'EUR',
      on_sale_at: at(-1),
      starts_at: at(48),
      ends_at: at(51),
      ...change,
    };
    return this.call('POST', '/events', event);
  }

  hold(event: EventView, seats: string[]): Promise<HoldView> {
    return this.call('POST', `/events/${event.event_id}/holds`, { seats });
  }

  book(hold: HoldView): Promise<BookingView> {
    return this.call('POST', '/bookings', { event_id: hold.event_id, hold_id: hold.hold_id });
  }

  confirm(booking: BookingView): Promise<BookingView> {
    return this.call('POST', `/bookings/${booking.booking_id}/confirm`);
  }

  async seatState(event: EventView, seat: number): Promise<string> {
    const { states } = await this.call<{ states: string }>('GET', `/events/${event.event_id}/seats`);
    return states[seat] as string;
  }
}

/** Watchers of each replica, as it counts them itself. */
export async function watchers(ready: Ready): Promise<number[]> {
  return Promise.all(
    ready.replicas.map(async (replica) => {
      const text = await (await fetch(`${replica}/metrics`)).text();
      return Number(/^active_connections (\d+)/m.exec(text)?.[1] ?? 0);
    }),
  );
}

/** Makes Redis forget everything, as an operator's mistake would. */
export async function flushRedis(url: string) {
  const { hostname, port, password } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(`AUTH ${password}\r\nFLUSHALL\r\nQUIT\r\n`);
  let said = '';
  for await (const text of socket) said += text;
  if (said !== '+OK\r\n+OK\r\n+OK\r\n') throw new Error(`Redis said: ${said}`);
}
