import { beforeEach, describe, expect, test, vi } from 'vitest';

const problem = (code: string, status: number) =>
  new Response(JSON.stringify({ type: 'x', code, title: code, status, detail: `detail of ${code}` }), {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
  });
const session = (token: string) =>
  Response.json({ customer_id: 'c', token, expires_at: '2099-01-01T00:00:00Z' }, { status: 201 });

beforeEach(() => {
  vi.resetModules();
  vi.stubGlobal(
    'Request',
    class extends Request {
      constructor(input: string | URL | Request, init?: RequestInit) {
        super(typeof input === 'string' ? new URL(input, 'http://here') : input, init);
      }
    },
  );
  return () => vi.unstubAllGlobals();
});

async function asking(reply: () => Response | Promise<Response>) {
  vi.stubGlobal('fetch', vi.fn(reply));
  const { answer, open } = await import('./client');
  return answer(open.GET('/events')).catch((error: unknown) => error);
}

describe('an answer', () => {
  test('is its body', async () => {
    expect(await asking(() => Response.json({ items: [] }))).toEqual({ items: [] });
  });

  test.each([
    ['sold_out', 409],
    ['limit_exceeded', 422],
    ['not_found', 404],
  ])('%s is a refusal', async (code, status) => {
    const { Refused } = await import('./problems');
    const error = await asking(() => problem(code, status));
    expect(error).toBeInstanceOf(Refused);
  });

  test.each([
    ['unavailable', 503],
    ['internal', 500],
    ['too_many_requests', 429],
  ])('%s is a failure, never a refusal', async (code, status) => {
    const { Failed, isFailure } = await import('./problems');
    const error = await asking(() => problem(code, status));
    expect(error).toBeInstanceOf(Failed);
    expect(isFailure(error)).toBe(true);
  });

  test('no answer, and one that is not ours, are failures', async () => {
    const { Failed, sentence } = await import('./problems');
    const silence = await asking(() => Promise.reject(new TypeError('no network')));
    expect(silence).toBeInstanceOf(Failed);
    expect(sentence(silence)).toMatch(/could not reach/);
    expect(await asking(() => new Response('<html>', { status: 404 }))).toBeInstanceOf(Failed);
  });
});

describe('a session', () => {
  test('is asked for once, however many need it, and kept', async () => {
    const fetched = vi.fn(async () => session('one'));
    vi.stubGlobal('fetch', fetched);
    const { session: need } = await import('./session');
    expect(await Promise.all([need(), need(), need()])).toHaveLength(3);
    expect(fetched).toHaveBeenCalledTimes(1);
    vi.resetModules();
    const { session: later } = await import('./session');
    expect((await later()).token).toBe('one');
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  test('that is not accepted any more is replaced', async () => {
    const tokens = ['old', 'new'];
    vi.stubGlobal('fetch', async (input: Request | string) => {
      if (typeof input === 'string') return session(tokens.shift() as string);
      const isNew = input.headers.get('Authorization') === 'Bearer new';
      return isNew
        ? Response.json({ items: [], page: 1, limit: 50, total: 0 })
        : problem('unauthorized', 401);
    });
    const { answer, guest } = await import('./client');
    expect(await answer(guest.GET('/bookings'))).toMatchObject({ total: 0 });
  });
});
