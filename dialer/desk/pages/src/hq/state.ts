// The data of headquarters' page, and how figures of several centres are combined.

import { signal } from "@preact/signals";
import { me, namesOf, now, value } from "../shared/server";
import type { CentreRow, DayResults, HqStatus, HqUser, Incident, OrderReplies, Proposal } from "../shared/wire";

export const who = () => me.value as unknown as HqUser;
export const may = (action: string) => who().may.includes(action);

export const hq = () => value<HqStatus>("hq");
export const centres = () => namesOf("centre").flatMap((name) => value<CentreRow>(`centre/${name}`) ?? []);
export const incidents = () => namesOf("incident").flatMap((name) => value<Incident>(`incident/${name}`) ?? []);
export const proposals = () => namesOf("proposal").flatMap((name) => value<Proposal>(`proposal/${name}`) ?? []);
export const orders = () => namesOf("order").flatMap((name) => value<OrderReplies>(`order/${name}`) ?? []);

/** The chosen place in the hierarchy; stored in the address after the #. */
export interface Place {
  zone?: string;
  state?: string;
  centre?: string;
  constituency?: string; // STATE.NUMBER
}
const STEPS = ["zone", "state", "centre", "constituency"] as const;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const read = () => {
  const given = new URLSearchParams(location.hash.slice(1));
  const place: Place = {};
  for (const step of STEPS) {
    const name = given.get(step) ?? "";
    if (NAME.test(name)) place[step] = name;
  }
  const view = given.get("view") ?? "";
  return { place, view: NAME.test(view) ? view : "figures" };
};
const first = read();
export const place = signal<Place>(first.place);
export const view = signal(first.view);
window.addEventListener("hashchange", () => {
  const there = read();
  place.value = there.place;
  view.value = there.view;
});
export function addressOf(there: Place, shows = "figures"): string {
  const given = new URLSearchParams(Object.entries(there).filter(([, name]) => name));
  if (shows !== "figures") given.set("view", shows);
  return `#${given}`;
}

const SILENT_SECONDS = 60;
const BEHIND = 0.8; // share of the planned or expected figure
export const LEVELS = ["bad", "near", "good", "none"] as const;
export type Level = (typeof LEVELS)[number];

export const isHeard = (centre: CentreRow) => centre.live_at != null && now.value - centre.live_at < SILENT_SECONDS;
/** Return today's abandoned rate; undefined = no live answers. */
export const abandonedOf = (today: DayResults | undefined) =>
  today?.live_answers ? today.abandoned / today.live_answers : undefined;
export const contactsOf = (today: DayResults | undefined) =>
  today && today.seat_hours >= 0.05 ? today.contacts / today.seat_hours : undefined;
/** Return the hours until the list is completed, at the pace of the last 15 minutes. */
export const listHoursOf = (centre: { remaining?: number; calls_per_hour?: number | null }) =>
  centre.remaining === undefined || !centre.calls_per_hour ? undefined : centre.remaining / centre.calls_per_hour;

/** Return the problems of a centre as codes with messages, and the worst level. */
export function faultsOf(centre: CentreRow): { level: Level; words: string[] } {
  const bad: string[] = [];
  const near: string[] = [];
  if (centre.live_at == null && centre.committed_at == null) return { level: "none", words: ["never-online"] };
  if (!isHeard(centre)) bad.push("offline");
  else if (!centre.online || !centre.switch_up) bad.push("dialler-down");
  if (centre.problem) bad.push("trouble");
  if (centre.alerts?.some((alert) => alert.level === "critical")) bad.push("critical");
  const share = abandonedOf(centre.today);
  if (share !== undefined && centre.abandoned_limit && share > centre.abandoned_limit) bad.push("over-cap");
  if (centre.material_problem) bad.push("material");
  else if (centre.assigned_material && centre.material !== centre.assigned_material) near.push("material");
  if (centre.planned_seats && (centre.signed_in ?? 0) < centre.planned_seats * BEHIND) near.push("seats");
  const target = hq()?.contacts_per_seat_hour;
  const contacts = contactsOf(centre.today);
  if (target && contacts !== undefined && contacts < target * BEHIND) near.push("contacts");
  const lasts = listHoursOf(centre);
  const left = hq()?.hours_left ?? 0;
  if (left && lasts !== undefined && centre.remaining) {
    if (lasts < left * BEHIND) near.push("list-short");
    if (lasts > left / BEHIND) near.push("list-long");
  }
  return { level: bad.length ? "bad" : near.length ? "near" : "good", words: [...bad, ...near] };
}

/** Several centres as one row. Rates are computed over all their calls, and ages are the oldest. */
export interface Sum {
  centres: number;
  heard: number;
  planned_seats: number;
  signed_in: number;
  talking: number;
  total: number;
  completed: number;
  remaining: number;
  calls_per_hour: number;
  contacted: number;
  voted: number;
  electors: number;
  official: number;
  official_at: number | undefined;
  today: DayResults;
  abandoned_limit: number | undefined;
  live_at: number | undefined;
  committed_at: number | undefined;
  lag: number | undefined;
  behind: number;
}
const least = (values: (number | null | undefined)[]) => {
  const known = values.filter((each): each is number => each != null);
  return known.length ? Math.min(...known) : undefined;
};
export function sumOf(every: CentreRow[]): Sum {
  const sum = (of: (centre: CentreRow) => number | null | undefined) =>
    every.reduce((whole, centre) => whole + (of(centre) ?? 0), 0);
  const today = (name: keyof DayResults) => sum((centre) => centre.today?.[name]);
  // Centres without seat-hours are excluded from contacts per seat-hour.
  const worked = every.filter((centre) => contactsOf(centre.today) !== undefined);
  const lags = every.flatMap((centre) => centre.opt_out_lag_seconds ?? []);
  return {
    centres: every.length,
    heard: every.filter(isHeard).length,
    planned_seats: sum((centre) => centre.planned_seats),
    signed_in: sum((centre) => (isHeard(centre) ? centre.signed_in : 0)),
    talking: sum((centre) => (isHeard(centre) ? centre.talking : 0)),
    total: sum((centre) => centre.total),
    completed: sum((centre) => centre.completed),
    remaining: sum((centre) => centre.remaining),
    calls_per_hour: sum((centre) => centre.calls_per_hour),
    contacted: sum((centre) => centre.contacted),
    voted: sum((centre) => centre.voted),
    electors: sum((centre) => centre.official?.electors),
    official: sum((centre) => centre.official?.voted),
    official_at: least(every.map((centre) => centre.official?.at)),
    today: {
      attempts: today("attempts"),
      contacts: worked.reduce((whole, centre) => whole + (centre.today?.contacts ?? 0), 0),
      live_answers: today("live_answers"),
      abandoned: today("abandoned"),
      seat_hours: today("seat_hours"),
      opt_outs: today("opt_outs"),
      marked_voted: today("marked_voted"),
    },
    abandoned_limit: least(every.map((centre) => centre.abandoned_limit)),
    live_at: least(every.map((centre) => centre.live_at)),
    committed_at: least(every.map((centre) => centre.committed_at)),
    lag: lags.length ? Math.max(...lags) : undefined,
    behind: every.filter((centre) => centre.assigned_material && centre.material !== centre.assigned_material).length,
  };
}
