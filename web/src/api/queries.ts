/** What is read, and how long it is good for. */
import { queryOptions } from '@tanstack/react-query';
import { observe } from '../time/clock';
import { answer, guest, open } from './client';

const LIST_EVERY_MS = 5_000;
const EVENT_EVERY_MS = 15_000;

/** The most a page may have. */
export const PAGE_MAX = 100;

export const eventsQuery = (page: number, limit = 24) =>
  queryOptions({
    queryKey: ['events', page, limit],
    queryFn: async () => {
      const asked = Date.now();
      const events = await answer(open.GET('/events', { params: { query: { page, limit } } }));
      const first = events.items[0];
      if (first) observe(first.server_time, asked, Date.now());
      return events;
    },
    refetchInterval: LIST_EVERY_MS,
  });

export const eventQuery = (event_id: string) =>
  queryOptions({
    queryKey: ['event', event_id],
    queryFn: async () => {
      const asked = Date.now();
      const event = await answer(open.GET('/events/{event_id}', { params: { path: { event_id } } }));
      observe(event.server_time, asked, Date.now());
      return event;
    },
    refetchInterval: EVENT_EVERY_MS,
  });

export const bookingsQuery = (page: number) =>
  queryOptions({
    queryKey: ['bookings', page],
    queryFn: () => answer(guest.GET('/bookings', { params: { query: { page, limit: 50 } } })),
  });
