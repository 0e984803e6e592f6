import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId } from 'react';
import { Link } from 'react-router';
import { administrator, answer } from '../api/client';
import { noticeOf, type Notice as Telling } from '../api/problems';
import type { EventView } from '../api/types';
import { Notice } from '../ui/notice';
import { eventOf, inDays } from './new-event';

/** Makes an event. The service judges what is sound; the form only helps to get it right. */
export function NewEventForm({ token, made }: { token: string; made: (event: EventView) => void }) {
  const id = useId();
  const create = useMutation({
    mutationFn: (form: FormData) => answer(administrator(token).POST('/events', { body: eventOf(form) })),
    onSuccess: made,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    create.mutate(new FormData(event.currentTarget));
  };
  return (
    <section aria-labelledby={id} className="card">
      <h2 id={id} className="mb-4 text-xl font-semibold">
        New event
      </h2>
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        <Field name="name" label="Name" required maxLength={200} />
        <Field name="venue" label="Venue" required maxLength={200} />
        <Field name="starts_at" label="Starts" type="datetime-local" defaultValue={inDays(30, 20)} required />
        <Field name="ends_at" label="Ends" type="datetime-local" defaultValue={inDays(30, 23)} required />
        <Field
          name="on_sale_at"
          label="On sale from"
          type="datetime-local"
          defaultValue={inDays(0)}
          required
        />
        <Field name="currency" label="Currency (ISO 4217)" defaultValue="EUR" pattern="[A-Z]{3}" required />
        <Field
          name="per_customer_max"
          label="Tickets a customer"
          type="number"
          min={1}
          defaultValue={10}
          required
        />
        <Field
          name="hold_ttl_seconds"
          label="Hold lasts (seconds)"
          type="number"
          min={1}
          max={3600}
          defaultValue={180}
          required
        />
        <Field
          name="payment_ttl_seconds"
          label="Time to pay (seconds)"
          type="number"
          min={1}
          max={604800}
          defaultValue={900}
          required
        />
        <Area
          name="tiers"
          label="Tiers"
          hint="One a line: name, price, capacity — as in Floor, 50.00, 100"
          placeholder="Floor, 50.00, 100"
        />
        <Area
          name="sections"
          label="Seat sections"
          hint="One a line: name, rows, seats a row, price — as in A, 8, 12, 90.00"
          placeholder="A, 8, 12, 90.00"
        />
        <div className="flex flex-col gap-3 sm:col-span-2">
          <div aria-live="polite">
            {create.error && <Notice notice={complaint(create.error)} />}
            {create.data && <Notice notice={{ kind: 'good', text: <Made event={create.data} /> }} />}
          </div>
          <button type="submit" className="button button-primary self-start" disabled={create.isPending}>
            {create.isPending ? 'Making …' : 'Make the event'}
          </button>
        </div>
      </form>
    </section>
  );
}

/** What was not understood here, or by the service. */
function complaint(error: Error): Telling {
  return error instanceof SyntaxError ? { kind: 'refusal', text: error.message } : noticeOf(error);
}

function Made({ event }: { event: EventView }) {
  return (
    <>
      <Link to={`/events/${event.event_id}`} className="underline">
        {event.name}
      </Link>{' '}
      is made.
    </>
  );
}

function Field({ label, name, ...input }: { label: string; name: string } & React.ComponentProps<'input'>) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm text-muted">
        {label}
      </label>
      <input id={id} name={name} className="field" {...input} />
    </div>
  );
}

function Area({
  label,
  hint,
  name,
  placeholder,
}: {
  label: string;
  hint: string;
  name: string;
  placeholder: string;
}) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm text-muted">
        {label}
      </label>
      <textarea
        id={id}
        name={name}
        rows={3}
        className="field font-mono text-sm"
        aria-describedby={`${id}-hint`}
        placeholder={placeholder}
      />
      <p id={`${id}-hint`} className="mt-1 text-sm text-muted">
        {hint}
      </p>
    </div>
  );
}
