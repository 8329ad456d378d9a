// The messages of docs/topics.md as far as the board shows them, and what the desk adds to them.
import { me, namesOf, value } from "../shared/server";
import { computed, effect, signal, type Signal } from "@preact/signals";

export interface Trunk {
  trunk: string;
  channels_used: number;
  channels: number;
  answer_seizure_ratio: number;
  failures: number;
  attempts: number;
  state: string;
  calls_per_second: number;
  ringing_seconds: number | null;
}
export interface Centre {
  centre: string;
  online: boolean;
  at: number;
  switch_up: boolean;
  draining: boolean;
  calls: number;
  utilisation: number | null;
  marks: Record<string, number>;
  opt_outs: number;
  trunks: Trunk[];
  forecast: Record<string, number>;
  /** That is being taken in. */
  roll: { list: string; rows: number; done: number } | null;
}
export interface Campaign {
  campaign: string;
  kind: string;
  state: string;
  held_because: string | null;
  calls: Record<string, number>;
  outcomes: Record<string, number>;
  attempts: number;
  answered: number;
  connected: number;
  abandoned: number;
  numbers: number;
  closed: number;
  due: number;
  pacing: string;
  placing: number | null;
  limited_by: string | null;
  refused: Record<string, number>;
  /** That its pacing steers to. */
  abandoned_target: { share: number; most: number; sender: string | null } | null;
  speed: { most_calls: number | null; calls_per_seat: number | null; until: number; sender: string } | null;
}
export interface Seat {
  seat: string;
  at: number;
  since: number | null;
  agent: string | null;
  state: string;
  campaign: string | null;
  utilisation: number;
  calls: number;
  reason: string | null;
  help: string | null;
  recording: string | null;
  /** That it alone serves; none: all that its agent may. */
  campaigns: string[];
}
export interface Booth {
  booth: number;
  constituency_number: number;
  part_number: number;
  voters: number;
  reached: number;
  voted: number;
  not_yet: number;
}
export interface Alert {
  code: string;
  level: string;
  text: string;
  at: number;
}
export interface Seen {
  alert_at: number;
  name: string;
  at: number;
}
export interface Window {
  window_seconds: number;
  target: number;
  stop: number;
  answers: number;
  abandoned: number;
}
export interface Day {
  at: number[];
  placed: number[];
  answered: number[];
  connected: number[];
  abandoned: number[];
  live_answers: number[];
}
export interface Why {
  code: string;
  figures: Record<string, number | string>;
  detail: string;
}

const narrowed = new URLSearchParams(location.hash.slice(1));
window.addEventListener("hashchange", () => location.reload());

/** What the board is narrowed to, "" by nothing. It stays in the address, after the #, if it has this form: so it survives a reload. */
export function narrowing(name: string, form: RegExp): Signal<string> {
  const given = narrowed.get(name) ?? "";
  const narrow = signal(form.test(given) ? given : "");
  effect(() => {
    if (form.test(narrow.value)) narrowed.set(name, narrow.value);
    else narrowed.delete(name);
    history.replaceState(null, "", location.pathname + location.search + (narrowed.size ? `#${narrowed}` : ""));
  });
  return narrow;
}

const NAME = /^[A-Za-z0-9-]{1,64}$/;
export const asked = { campaign: narrowing("campaign", NAME), language: narrowing("language", NAME) };

/** The campaign that the board is narrowed to; "": all. One that is not there narrows nothing. */
export const chosen = computed(() => (namesOf("campaign").includes(asked.campaign.value) ? asked.campaign.value : ""));

/** The languages that are spoken at a seat now; none: any. */
export const spokenAt = (seat: Seat) => me.value?.languages.agents[seat.agent ?? ""] ?? me.value?.languages.seats[seat.seat] ?? [];
/** All that the settings name. */
export const spoken = computed(() => {
  const { seats = {}, agents = {} } = me.value?.languages ?? {};
  return [...new Set([...Object.values(seats), ...Object.values(agents)].flat())].sort();
});
const language = computed(() => (spoken.value.includes(asked.language.value) ? asked.language.value : ""));

export const centre = () => value<Centre>("centre");
export const desk = () => value<{ heard: boolean; since: number }>("desk");

/** The campaigns that are shown. */
export const campaigns = () =>
  namesOf("campaign")
    .filter((name) => !chosen.value || name === chosen.value)
    .flatMap((name) => value<Campaign>(`campaign/${name}`) ?? []);

/** Whether a seat is shown: of a campaign those at work for it and those that are free for any, of a language those that speak it. */
export function isShown(seat: Seat): boolean {
  const serves = seat.campaign === null ? !seat.campaigns.length || seat.campaigns.includes(chosen.value) : seat.campaign === chosen.value;
  if (chosen.value && !serves) return false;
  const tongues = spokenAt(seat);
  return !language.value || !tongues.length || tongues.includes(language.value);
}

/** The seats that are shown. */
export const seats = () =>
  namesOf("seat")
    .flatMap((name) => value<Seat>(`seat/${name}`) ?? [])
    .filter(isShown);

export const sum = (counts: Record<string, number>, states?: readonly string[]) =>
  Object.entries(counts).reduce((whole, [state, count]) => (!states || states.includes(state) ? whole + count : whole), 0);

export const together = (every: Record<string, number>[]) =>
  every.reduce<Record<string, number>>((whole, each) => {
    for (const [name, count] of Object.entries(each)) whole[name] = (whole[name] ?? 0) + count;
    return whole;
  }, {});
