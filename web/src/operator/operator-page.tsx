import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { eventQuery, eventsQuery, PAGE_MAX } from '../api/queries';
import { Notice } from '../ui/notice';
import { usePageTitle } from '../ui/use-page-title';
import { NewEventForm } from './new-event-form';
import { SalesBoard } from './sales-board';
import { keepToken, keptToken, roleOf } from './token';

/** For whoever runs the sale. The token opens the calls; this page only keeps it, until the tab is closed. */
export default function OperatorPage() {
  usePageTitle('Operator');
  const [token, setToken] = useState(keptToken);
  const change = (token: string | undefined) => {
    keepToken(token);
    setToken(token);
  };
  return (
    <>
      <div className="mt-4 mb-6 flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-3xl font-bold tracking-tight">Operator</h1>
        {token && (
          <button type="button" className="button" onClick={() => change(undefined)}>
            Forget the token
          </button>
        )}
      </div>
      {token ? <Office token={token} /> : <TokenForm keep={change} />}
    </>
  );
}

function TokenForm({ keep }: { keep: (token: string) => void }) {
  const id = useId();
  const [complaint, setComplaint] = useState<string>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim();
    if (roleOf(token) === 'admin') keep(token);
    else setComplaint('This is not an administrator’s token.');
  };
  return (
    <form className="card flex max-w-xl flex-col gap-3" onSubmit={submit}>
      <label htmlFor={id} className="font-medium">
        Administrator’s token
      </label>
      <p id={`${id}-hint`} className="text-sm text-muted">
        <code>make up</code> prints one; elsewhere <code>onsale token --admin</code> signs one.
      </p>
      <input
        id={id}
        name="token"
        type="password"
        autoComplete="off"
        required
        className="field"
        aria-describedby={`${id}-hint`}
      />
      <div aria-live="polite">{complaint && <Notice notice={{ kind: 'refusal', text: complaint }} />}</div>
      <button type="submit" className="button button-primary self-start">
        Open the office
      </button>
    </form>
  );
}

function Office({ token }: { token: string }) {
  const id = useId();
  const events = useQuery({ ...eventsQuery(1, PAGE_MAX), refetchInterval: 10_000 });
  const [chosen, setChosen] = useState<string>();
  // One just made may be beyond the first page.
  const made = useQuery({ ...eventQuery(chosen ?? ''), enabled: chosen !== undefined });
  const listed = events.data?.items ?? [];
  const isListed = listed.some((event) => event.event_id === chosen);
  const items = made.data && !isListed ? [made.data, ...listed] : listed;
  const event = items.find((event) => event.event_id === chosen) ?? items[0];
  return (
    <div className="flex flex-col gap-8">
      <section aria-labelledby={`${id}-watch`}>
        <div className="mb-4 flex flex-wrap items-end gap-4">
          <h2 id={`${id}-watch`} className="text-xl font-semibold">
            Watch a sale
          </h2>
          <div className="min-w-60">
            <label htmlFor={id} className="sr-only">
              Event to watch
            </label>
            <select
              id={id}
              className="field"
              value={event?.event_id ?? ''}
              onChange={(change) => setChosen(change.target.value)}
            >
              {items.map((event) => (
                <option key={event.event_id} value={event.event_id}>
                  {event.name}
                </option>
              ))}
            </select>
          </div>
        </div>
        {event ? (
          <SalesBoard key={event.event_id} event={event} token={token} />
        ) : (
          <p className="text-muted">No events yet. Make one below.</p>
        )}
      </section>
      <NewEventForm
        token={token}
        made={(event) => {
          setChosen(event.event_id);
          events.refetch();
        }}
      />
    </div>
  );
}
