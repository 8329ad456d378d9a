// The filter of the reports: view, period and campaign. It is stored in the address, so that a link shows the same report.
import { computed } from "@preact/signals";
import { narrowing } from "../shared/address";
import { now } from "../shared/server";
import { zone } from "../shared/words";

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;

export const view = narrowing("view", /^[a-z]{1,20}$/);
/** The first and the last day, "" = today. */
export const from = narrowing("from", DATE);
export const to = narrowing("to", DATE);
export const campaign = narrowing("campaign", /^[A-Za-z0-9-]{1,64}$/);

/** Return the day that is some days after another one (both as 2026-04-22). */
export const addDays = (date: string, days: number) =>
  new Date(Date.parse(`${date}T00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** The present day in the centre's time zone. */
export const today = computed(() =>
  new Intl.DateTimeFormat("en-CA", { timeZone: zone.value }).format(now.value * 1000),
);
export const first = computed(() => from.value || (to.value && to.value < today.value ? to.value : today.value));
export const last = computed(() => [to.value || today.value, first.value].sort().at(-1)!);

/** The filter as the query of a request. */
export const query = computed(() =>
  String(
    new URLSearchParams({
      since: first.value,
      until: addDays(last.value, 1),
      ...(campaign.value ? { campaign: campaign.value } : {}),
    }),
  ),
);

/** The filter of single calls: times of the first and the last day, and what the calls must have in common. */
export const begins = narrowing("begins", /^\d\d:\d\d$/);
export const ends = narrowing("ends", /^\d\d:\d\d$/);
export const CALL_FIELDS = {
  agent: narrowing("agent", /^[A-Za-z0-9.-]{1,32}$/),
  outcome: narrowing("outcome", /^[a-z-]{1,20}$/),
  disposition: narrowing("disposition", /^[a-z-]{1,20}$/),
  phone: narrowing("phone", /^\d{1,15}$/),
  voter: narrowing("voter", /^\d{1,15}$/),
};

/** The filter of single calls as the query of a request. */
export const callQuery = computed(() => {
  const asked = new URLSearchParams(query.value);
  if (begins.value) asked.set("since", `${first.value}T${begins.value}`);
  if (ends.value) asked.set("until", `${last.value}T${ends.value}`);
  for (const [name, { value }] of Object.entries(CALL_FIELDS)) if (value) asked.set(name, value);
  return String(asked);
});

/** Return the address of a view with the present filter. */
export function addressOf(name: string): string {
  const given = { view: name, from: from.value, to: to.value, campaign: campaign.value };
  return `/reports#${new URLSearchParams(Object.entries(given).filter(([, value]) => value))}`;
}
