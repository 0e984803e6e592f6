/** The WebSocket to the feed: kept open, joined again after a loss, and what it brings put into a {@link Picture}. */
import { WebSocket as ReconnectingSocket } from 'partysocket';
import type { LiveMessage, SaleState } from '../api/types';
import { Picture } from './picture';

/** The wait before the first attempt to join again, and the longest between later ones. */
const RETRY_FIRST_MS = 250;
const RETRY_LONGEST_MS = 4_000;
/** Joining takes no longer; then another attempt is made. */
const JOIN_MAX_MS = 4_000;
/** After this long without a word, a page that is looked at again asks whether the connection is still one. */
const QUIET_MAX_MS = 20_000;

/** Closed with one of these, joining again would end the same way (docs/FEED.md). */
const FINAL_CODES = [4401, 4403];

export type LiveStatus = 'connecting' | 'live' | 'rebuilding' | 'reconnecting' | 'offline' | 'barred';

/** What changes rarely enough to be drawn by React. */
export interface LiveSummary {
  status: LiveStatus;
  /** Whether any numbers have been heard. */
  isKnown: boolean;
  saleState: SaleState;
  seatsAvailable: number;
  tiers: ReadonlyMap<string, number>;
}

/** Before anything has been heard. */
export const nothingHeard: LiveSummary = {
  status: 'connecting',
  isKnown: false,
  saleState: 'open',
  seatsAvailable: 0,
  tiers: new Map(),
};

type SeatListener = (seats: number[] | 'all') => void;

export class LiveConnection {
  readonly picture = new Picture();
  private readonly socket: ReconnectingSocket;
  private readonly listeners = new Set<() => void>();
  private readonly seatListeners = new Set<SeatListener>();
  private isAsking = false;
  private heardAt = Date.now();
  private doubt: ReturnType<typeof setTimeout> | undefined;
  private summary = nothingHeard;

  constructor(eventId: string) {
    const url = new URL(`/api/v1/events/${eventId}/live`, window.location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.socket = new ReconnectingSocket(url.href, ['onsale.live'], {
      // Those who lost the same replica are not to come back in one moment.
      minReconnectionDelay: RETRY_FIRST_MS * (0.5 + Math.random()),
      maxReconnectionDelay: RETRY_LONGEST_MS,
      connectionTimeout: JOIN_MAX_MS,
      minUptime: RETRY_LONGEST_MS,
      maxEnqueuedMessages: 0,
    });
    this.socket.addEventListener('message', (message) => this.hear(JSON.parse(message.data as string)));
    this.socket.addEventListener('close', ({ code }) => {
      if (!FINAL_CODES.includes(code)) return this.lost();
      this.socket.close();
      this.tell({ status: 'barred' });
    });
    window.addEventListener('offline', this.lost);
    window.addEventListener('online', this.rejoin);
    document.addEventListener('visibilitychange', this.lookAgain);
  }

  /** Ends it. */
  close() {
    window.removeEventListener('offline', this.lost);
    window.removeEventListener('online', this.rejoin);
    document.removeEventListener('visibilitychange', this.lookAgain);
    clearTimeout(this.doubt);
    this.listeners.clear();
    this.seatListeners.clear();
    this.socket.close();
  }

  /** The same object until something in it changes. */
  readonly read = (): LiveSummary => this.summary;

  /** Told whenever {@link read} has something new. */
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** Told which seats changed, many times a second. */
  readonly subscribeSeats = (listener: SeatListener) => {
    this.seatListeners.add(listener);
    return () => {
      this.seatListeners.delete(listener);
    };
  };

  private hear(message: LiveMessage) {
    this.heardAt = Date.now();
    clearTimeout(this.doubt);
    const effect = this.picture.apply(message);
    switch (effect.kind) {
      case 'missed':
        // Once: what comes until the snapshot is there misses the same.
        if (!this.isAsking) this.socket.send(JSON.stringify({ type: 'resync' }));
        this.isAsking = true;
        break;
      case 'rebuilding':
        this.tell({ status: 'rebuilding' });
        break;
      case 'changed': {
        this.isAsking = false;
        const { saleState, seatsAvailable, tiers } = this.picture;
        for (const listener of this.seatListeners) listener(effect.seats);
        this.tell({ status: 'live', isKnown: true, saleState, seatsAvailable, tiers });
        break;
      }
      case 'known':
        // Nothing changed while it was counted; that it is said means that it is known again.
        if (this.summary.isKnown) this.tell({ status: 'live' });
        break;
    }
  }

  private readonly lost = () => {
    this.isAsking = false;
    if (this.summary.status === 'barred') return;
    this.tell({ status: navigator.onLine ? 'reconnecting' : 'offline' });
  };

  private readonly rejoin = () => {
    if (this.summary.status === 'barred') return;
    this.tell({ status: 'reconnecting' });
    this.socket.reconnect();
  };

  /** A machine that slept may hold a connection the other side gave up long ago: nothing tells, so ask. */
  private readonly lookAgain = () => {
    if (document.visibilityState !== 'visible' || Date.now() - this.heardAt < QUIET_MAX_MS) return;
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify({ type: 'resync' }));
    clearTimeout(this.doubt);
    this.doubt = setTimeout(this.rejoin, JOIN_MAX_MS);
  };

  private tell(change: Partial<LiveSummary>) {
    const next = { ...this.summary, ...change };
    const keys = Object.keys(change) as (keyof LiveSummary)[];
    if (keys.every((key) => next[key] === this.summary[key])) return;
    this.summary = next;
    for (const listener of this.listeners) listener();
  }
}
