import { expect, test, vi } from 'vitest';
import type { LiveMessage } from '../api/types';
import { LiveConnection } from './connection';

/** What the connection is built on, as far as it is used: the browser tests have the real one. */
const { Socket, sockets } = vi.hoisted(() => {
  class Socket extends EventTarget {
    readonly OPEN = 1;
    readyState = 1;
    sent: string[] = [];
    isClosed = false;

    constructor() {
      super();
      sockets.push(this);
    }
    send(text: string) {
      this.sent.push(text);
    }
    close() {
      this.isClosed = true;
    }
    reconnect() {}
    hear(message: unknown) {
      this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
    }
    lose(code: number) {
      this.dispatchEvent(Object.assign(new Event('close'), { code }));
    }
  }
  const sockets: Socket[] = [];
  return { Socket, sockets };
});
vi.mock('partysocket', () => ({ WebSocket: Socket }));

const snapshot: LiveMessage = {
  type: 'snapshot',
  event_id: 'e',
  epoch: 1,
  sequence: 7,
  sale_state: 'open',
  states: 'aa',
  tiers: [],
};
const delta = (previous: number, sequence: number): LiveMessage => ({
  type: 'delta',
  epoch: 1,
  previous,
  sequence,
});

function connect(): [LiveConnection, InstanceType<typeof Socket>] {
  const connection = new LiveConnection('e');
  return [connection, sockets.at(-1) as InstanceType<typeof Socket>];
}

test('is live with its first snapshot, and says so once', () => {
  const [connection, socket] = connect();
  const heard = vi.fn();
  connection.subscribe(heard);
  expect(connection.read()).toMatchObject({ status: 'connecting', isKnown: false });
  socket.hear(snapshot);
  expect(connection.read()).toMatchObject({ status: 'live', isKnown: true, seatsAvailable: 2 });
  socket.hear(delta(6, 7));
  expect(heard).toHaveBeenCalledTimes(1);
});

test('any message after a rebuilding means that numbers are known again, though nothing changed', () => {
  const [connection, socket] = connect();
  socket.hear(snapshot);
  socket.hear({ type: 'rebuilding' });
  expect(connection.read().status).toBe('rebuilding');
  socket.hear(delta(7, 7));
  expect(connection.read().status).toBe('live');
});

test('asks for a snapshot when it missed something', () => {
  const [, socket] = connect();
  socket.hear(snapshot);
  socket.hear(delta(8, 9));
  socket.hear(delta(9, 10));
  expect(socket.sent).toEqual(['{"type":"resync"}']);
  socket.hear({ ...snapshot, sequence: 10 });
  socket.hear(delta(12, 13));
  expect(socket.sent).toHaveLength(2);
});

test('a loss is joined again, an expulsion is not', () => {
  const [connection, socket] = connect();
  socket.lose(1012);
  expect(connection.read().status).toBe('reconnecting');
  expect(socket.isClosed).toBe(false);
  socket.lose(4403);
  expect(connection.read().status).toBe('barred');
  expect(socket.isClosed).toBe(true);
  window.dispatchEvent(new Event('online'));
  expect(connection.read().status).toBe('barred');
});
