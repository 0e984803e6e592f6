import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { administrator, answer } from '../api/client';
import { noticeOf, type Notice as Telling } from '../api/problems';
import type { AuditView, EventView } from '../api/types';
import { capacityOf } from '../events/sale';
import { count, money } from '../time/format';
import { Button } from '../ui/button';
import { Notice } from '../ui/notice';
import { Chart } from './chart';
import { availableOf, extend, heldOf, noSeries, refusedOf, soldOf } from './series';

const READ_EVERY_MS = 1_000;
/** A chart begins with room for a minute, and is drawn closer as points come. */
const POINTS_SHOWN_MIN = 60;

/** One sale, live: what is sold, what is left, who is turned away, and whether the books are right. */
export function SalesBoard({ event, token }: { event: EventView; token: string }) {
  const api = useMemo(() => administrator(token), [token]);
  const [series, setSeries] = useState(noSeries);
  const path = { event_id: event.event_id };
  const reading = useQuery({
    queryKey: ['board', event.event_id],
    queryFn: async () => {
      const [activity, audit] = await Promise.all([
        answer(api.GET('/events/{event_id}/activity', { params: { path } })),
        answer(api.GET('/events/{event_id}/audit', { params: { path } })),
      ]);
      return { activity, audit };
    },
    refetchInterval: READ_EVERY_MS,
    retry: false,
  });
  useEffect(() => {
    const data = reading.data;
    if (data) setSeries((series) => extend(series, data.activity, data.audit));
  }, [reading.data]);

  const { points } = series;
  const room = Math.max(POINTS_SHOWN_MIN, points.length);
  const activity = reading.data?.activity;
  const audit = reading.data?.audit;
  return (
    <div className="flex flex-col gap-4" data-testid="board">
      {reading.isError && <Notice notice={noticeOf(reading.error)} />}
      {audit && <Verdict audit={audit} />}
      <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        <Figure name="Sold" value={audit && `${count(soldOf(audit))} of ${count(capacityOf(event))}`} />
        <Figure name="Free" value={audit && count(availableOf(audit))} />
        <Figure name="Held" value={audit && count(heldOf(audit))} />
        <Figure name="Turned away" value={activity && count(refusedOf(activity))} />
      </dl>
      <div className="grid gap-4 sm:grid-cols-2">
        <Chart title="Sold" unit="tickets" values={points.map((point) => point.sold)} room={room} />
        <Chart title="Available" unit="tickets" values={points.map((point) => point.available)} room={room} />
        <Chart
          title="Admitted"
          unit="attempts a second"
          values={points.map((point) => point.admittedPerSecond)}
          room={room}
        />
        <Chart
          title="Refused"
          unit="attempts a second"
          values={points.map((point) => point.refusedPerSecond)}
          room={room}
        />
      </div>
      {audit && audit.tiers.length > 0 && <TierTable event={event} audit={audit} />}
      <SaleSwitch event={event} token={token} />
    </div>
  );
}

function Figure({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div className="card p-4">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="text-xl font-bold tabular-nums">{value ?? '…'}</dd>
    </div>
  );
}

/** Whether every ticket is where it should be: the audit's own word for it. */
function Verdict({ audit }: { audit: AuditView }) {
  const leaks = audit.tiers.reduce((sum, tier) => sum + Math.abs(tier.leak), Math.abs(audit.seats.leak));
  const oversold = audit.tiers.reduce((sum, tier) => sum + tier.oversold, audit.seats.double_booked);
  const clean = `The audit is clean: nothing oversold, nothing missing (epoch ${audit.epoch}).`;
  const unclean = `The audit is not clean: ${oversold} oversold, ${leaks} unaccounted for. A leak that lasts only seconds is a sale in motion.`;
  const notice: { kind: 'good' | Telling['kind']; text: string } = audit.ok
    ? { kind: 'good', text: clean }
    : { kind: oversold > 0 ? 'refusal' : 'failure', text: unclean };
  return (
    <div data-testid="verdict">
      <Notice notice={notice} />
    </div>
  );
}

function TierTable({ event, audit }: { event: EventView; audit: AuditView }) {
  return (
    // Scrolled by keyboard too where it does not fit.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
    <section className="card overflow-x-auto p-0" tabIndex={0} aria-label="Tiers">
      <table className="w-full text-left tabular-nums">
        <thead className="text-sm text-muted">
          <tr>
            {['Tier', 'Price', 'Capacity', 'Free', 'Held', 'Sold', 'Leak'].map((name) => (
              <th key={name} scope="col" className="px-4 py-2 font-medium">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {audit.tiers.map((tier) => {
            const named = event.tiers.find((one) => one.tier_id === tier.tier_id);
            return (
              <tr key={tier.tier_id} className="border-t border-line">
                <th scope="row" className="px-4 py-2 font-medium">
                  {named?.name ?? tier.tier_id}
                </th>
                <td className="px-4 py-2">{named && money(named.price_minor, event.currency)}</td>
                <td className="px-4 py-2">{count(tier.capacity)}</td>
                <td className="px-4 py-2">{count(tier.available)}</td>
                <td className="px-4 py-2">{count(tier.held + tier.committing)}</td>
                <td className="px-4 py-2">{count(tier.sold)}</td>
                <td className="px-4 py-2">{count(tier.leak)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

/** Stops and resumes the sale. */
function SaleSwitch({ event, token }: { event: EventView; token: string }) {
  const queries = useQueryClient();
  const wanted = event.sale_state === 'open' ? 'paused' : 'open';
  const change = useMutation({
    mutationFn: () =>
      answer(
        administrator(token).PATCH('/events/{event_id}', {
          params: { path: { event_id: event.event_id } },
          body: { sale_state: wanted },
        }),
      ),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ['events'] }),
        queries.invalidateQueries({ queryKey: ['event', event.event_id] }),
      ]),
  });
  return (
    <div className="flex flex-wrap items-center gap-4">
      <Button isOff={change.isPending} onClick={() => change.mutate()}>
        {wanted === 'paused' ? 'Pause the sale' : 'Resume the sale'}
      </Button>
      <p className="text-muted">The sale is {event.sale_state}.</p>
      {change.error && <Notice notice={noticeOf(change.error)} />}
    </div>
  );
}
