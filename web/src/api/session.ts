/** The guest's token: asked for when first needed, kept in the browser. Losing it means losing one's bookings. */
import { useSyncExternalStore } from 'react';
import { Failed } from './problems';
import type { Session } from './types';

const KEY = 'onsale.session';
/** A token is renewed this long before it stops working. */
const RENEW_BEFORE_MS = 60_000;

const listeners = new Set<() => void>();
let asking: Promise<Session> | undefined;
let current = read();

function read(): Session | undefined {
  try {
    const session = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Session | null;
    return session && Date.parse(session.expires_at) - RENEW_BEFORE_MS > Date.now() ? session : undefined;
  } catch {
    return undefined;
  }
}

function keep(session: Session | undefined) {
  current = session;
  if (session) localStorage.setItem(KEY, JSON.stringify(session));
  else localStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

async function ask(): Promise<Session> {
  const response = await fetch('/api/v1/sessions', {
    method: 'POST',
    signal: AbortSignal.timeout(15_000),
  }).catch((cause: unknown) => {
    throw new Failed(undefined, { cause });
  });
  if (!response.ok) throw new Failed(await response.json().catch(() => undefined));
  return (await response.json()) as Session;
}

/** The session, or a new one; callers at the same time share one request. */
export function session(): Promise<Session> {
  // Another tab may have asked meanwhile.
  current ??= read();
  if (current) return Promise.resolve(current);
  asking ??= ask()
    .then((session) => {
      keep(session);
      return session;
    })
    .finally(() => {
      asking = undefined;
    });
  return asking;
}

/** Forgets a token that was not accepted, unless it has been replaced already. */
export function forgetSession(token: string) {
  if (current?.token === token) keep(undefined);
}

/** The customer's id, once there is a session. */
export function useCustomerId(): string | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current?.customer_id,
  );
}
