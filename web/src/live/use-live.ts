import { useEffect, useState, useSyncExternalStore } from 'react';
import { LiveConnection, type LiveSummary, nothingHeard } from './connection';

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

/** What the feed says, without the seats. */
export function useSummary(connection: LiveConnection | undefined): LiveSummary {
  return useSyncExternalStore(
    connection?.subscribe ?? (() => () => {}),
    connection?.read ?? (() => nothingHeard),
  );
}
