import { useEffect, useState, useSyncExternalStore } from 'react';
import { LiveConnection, type LiveSummary } from './connection';

/** A connection to an event's feed for as long as the component is shown. */
export function useLive(eventId: string): LiveConnection | undefined {
  const [connection, setConnection] = useState<LiveConnection>();
  useEffect(() => {
    const opened = new LiveConnection(eventId);
    setConnection(opened);
    return () => opened.close();
  }, [eventId]);
  return connection;
}

const nothing: LiveSummary = {
  status: 'connecting',
  isKnown: false,
  saleState: 'open',
  seatsAvailable: 0,
  tiers: new Map(),
};

/** What the feed says, without the seats. */
export function useSummary(connection: LiveConnection | undefined): LiveSummary {
  return useSyncExternalStore(connection?.subscribe ?? (() => () => {}), connection?.read ?? (() => nothing));
}
