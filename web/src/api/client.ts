/** The API, typed by what the gatekeeper says of itself. */
import createClient, { type Middleware } from 'openapi-fetch';
import { Failed, Refused } from './problems';
import type { paths } from './schema';
import { forgetSession, session } from './session';
import type { Problem } from './types';

/** A little more than the service's own limit, so that it is the one to say what happened. */
const ANSWER_MAX_MS = 40_000;

const patient: typeof fetch = (input, init) =>
  fetch(input, { ...init, signal: init?.signal ?? AbortSignal.timeout(ANSWER_MAX_MS) });

/** Sends the guest's token. One that is not accepted any more is replaced, and the call made once more by whoever asks. */
const asGuest: Middleware = {
  async onRequest({ request }) {
    request.headers.set('Authorization', `Bearer ${(await session()).token}`);
    return request;
  },
  onResponse({ request, response }) {
    if (response.status === 401)
      forgetSession(request.headers.get('Authorization')?.replace('Bearer ', '') ?? '');
  },
};

/** Calls anyone may make. */
export const open = createClient<paths>({ baseUrl: '/api/v1', fetch: patient });

/** Calls in the guest's name. */
export const guest = createClient<paths>({ baseUrl: '/api/v1', fetch: patient });
guest.use(asGuest);

/** Calls in the administrator's name. */
export function administrator(token: string) {
  return createClient<paths>({
    baseUrl: '/api/v1',
    fetch: patient,
    headers: { Authorization: `Bearer ${token}` },
  });
}

/** The answer's body; anything else is thrown as {@link Refused} or {@link Failed}. */
export async function answer<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await call.catch((cause: unknown) => {
    throw cause instanceof Failed ? cause : new Failed(undefined, { cause });
  });
  if (response.ok) return data as T;
  const problem = isProblem(error) ? error : undefined;
  if (problem && response.status < 500 && response.status !== 429) throw new Refused(problem);
  throw new Failed(problem);
}

function isProblem(error: unknown): error is Problem {
  return typeof error === 'object' && error !== null && 'code' in error && 'detail' in error;
}
