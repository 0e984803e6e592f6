/** The guest's token: asked for when first needed, kept in the browser. Whoever loses it is somebody else from then on. */
import { useSyncExternalStore } from 'react';
import { forget, recall, remember } from '../storage';
import { Failed } from './problems';
import type { Session } from './types';

const KEY = 'onsale.session';
const ANSWER_MAX_MS = 15_000;

const listeners = new Set<() => void>();
let asking: Promise<Session> | undefined;
let current = kept();

function kept(): Session | undefined {
  try {
    return JSON.parse(recall(KEY) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

function use(session: Session | undefined) {
  current = session;
  for (const listener of listeners) listener();
}

async function ask(): Promise<Session> {
  const signal = AbortSignal.timeout(ANSWER_MAX_MS);
  const response = await fetch('/api/v1/sessions', { method: 'POST', signal }).catch((cause: unknown) => {
    throw new Failed(undefined, { cause });
  });
  if (!response.ok) throw new Failed(await response.json().catch(() => undefined));
  return (await response.json()) as Session;
}

/** The session, or a new one; callers at the same time share one request. */
export function session(): Promise<Session> {
  // Whether it is still good is the service's to say: a visitor's clock may be days off.
  if (current) return Promise.resolve(current);
  // Another tab may have asked meanwhile.
  const other = kept();
  if (other) {
    use(other);
    return Promise.resolve(other);
  }
  asking ??= ask()
    .then((session) => {
      remember(KEY, JSON.stringify(session));
      use(session);
      return session;
    })
    .finally(() => {
      asking = undefined;
    });
  return asking;
}

/** Forgets a token that was not accepted, unless it has been replaced already. */
export function forgetSession(token: string) {
  if (kept()?.token === token) forget(KEY);
  if (current?.token === token) use(undefined);
}

/** The session, once there is one. */
export function useSession(): Session | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
