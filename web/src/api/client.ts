/** The API, typed by what the gatekeeper says of itself. */
import createClient from 'openapi-fetch';
import { Failed, isFailure, Refused } from './problems';
import type { paths } from './schema';
import { forgetSession, session } from './session';
import type { Problem } from './types';

/** A little more than the service's own limit, so that it is the one to say what happened. */
const ANSWER_MAX_MS = 40_000;
/** Attempts at what is safe to repeat, and the wait before the second; later ones wait longer. */
const ATTEMPTS_MAX = 4;
const ATTEMPT_WAIT_MS = 700;

const baseUrl = '/api/v1';

const send = (request: Request) => fetch(request, { signal: AbortSignal.timeout(ANSWER_MAX_MS) });

/** Sends the guest's token. When it is not accepted any more, a new guest asks once more. */
async function sendAsGuest(request: Request): Promise<Response> {
  const again = request.clone();
  const { token } = await session();
  request.headers.set('Authorization', `Bearer ${token}`);
  const response = await send(request);
  if (response.status !== 401) return response;
  forgetSession(token);
  again.headers.set('Authorization', `Bearer ${(await session()).token}`);
  return send(again);
}

/** Calls anyone may make. */
export const open = createClient<paths>({ baseUrl, fetch: send });

/** Calls in the guest's name. */
export const guest = createClient<paths>({ baseUrl, fetch: sendAsGuest });

/** Calls in the administrator's name. */
export function administrator(token: string) {
  return createClient<paths>({ baseUrl, fetch: send, headers: { Authorization: `Bearer ${token}` } });
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

/** Repeats what is safe to repeat while it fails, or while another request is at it; a refusal is an answer. */
export async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isBusy = error instanceof Refused && error.problem.code === 'in_progress';
      if (!(isFailure(error) || isBusy) || attempts >= ATTEMPTS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_WAIT_MS * attempts));
    }
  }
}
