// The state of an agent's page, and who has signed in to it.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, value } from "../shared/server";
import type { SeatView } from "../shared/wire";
import { zone } from "../shared/words";

export interface Agent {
  agent: string;
  seat: string;
  phone: "own" | "browser";
  centre: string;
  zone: string;
  language: string;
  languages: string[];
  pause_reasons: string[];
  transfer_targets: { name: string; kind: string }[];
  wrap_up_seconds: Record<string, number>;
  /** The campaigns in which the agent may have numbers called. */
  manual?: string[];
  undo_seconds: number;
  training?: boolean; // no voter is real
  /** On whose behalf the centre calls. */
  sponsor?: string;
  other_tab: boolean;
}
export interface Voter {
  id: number;
  name: string;
  name_local: string | null;
  relative: string | null;
  relation: string | null;
  age: number | null;
  gender: string | null;
  house: string | null;
  serial: number | null;
  pending: boolean;
  marks: { at: number; kind: string; source: string; hour: number | null }[];
}
export interface Booth {
  name: string;
  name_local?: string | null;
  address?: string | null;
  constituency: string;
  part: number;
  opens_at: number | null;
  closes_at: number | null;
}
export interface ScriptPage {
  text: string;
  ask: { name: string; answers: { value: string; label: string; to: string | null }[] } | null;
  next: string | null;
  closing: boolean;
}
export interface Script {
  name: string;
  version: string;
  start: string;
  pages: Record<string, ScriptPage>;
}
export interface Pop {
  attempt: string;
  campaign: string;
  purpose?: string;
  /** The number's id. */
  phone?: number;
  masked: string;
  addressed: number | null;
  worker: boolean;
  language: string;
  opted_out: boolean;
  voters: Voter[];
  booth: Booth | null;
  calls: { at: number; campaign: string; outcome: string; disposition: string | null }[];
  lawful: { word: string; registers?: { name: string; dated: string }[] } | null;
  note?: { text: string; at: number } | null;
  script?: Script | null;
  draft?: unknown;
}
/** Who has signed in; null: nobody, undefined: not known yet. */
export const me = signal<Agent | null | undefined>(undefined);
/** Why the desk tells this page nothing: another one of the seat is open, or has taken it; "": it tells. */
export const place = signal<"" | "elsewhere" | "taken">("");

/** Problems that pass: it is tried again. */
export const UNSENT = new Set(["no-desk", "away", "broker-away", "signed-out", "not-saved", "busy", "unanswered"]);

/** Whether this page is the one that the desk tells of the seat. Another one neither sends nor keeps anything. */
export const isHere = computed(() => Boolean(me.value) && place.value === "" && value("desk") !== undefined);

export const seat = () => value<SeatView>("seat");
export const pop = () => value<Pop | null>("pop") ?? null;
export const stateOf = () => seat()?.state ?? "";

// A reload is the same tab anew. While a page is open its name is in no storage, so that a tab that is copied is another one.
const TAB = "matdan-tab";
const tab = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
sessionStorage.removeItem(TAB);
addEventListener("pagehide", () => sessionStorage.setItem(TAB, tab));
addEventListener("pageshow", () => sessionStorage.removeItem(TAB));

let take = false;
export const eventsPath = () => `/api/agent/events?tab=${tab}${take ? "&take=1" : ""}`;

export async function lookWho(): Promise<Agent | null | undefined> {
  const found = await ask<Agent | null>("GET", "/api/agent/me");
  if (isProblem(found)) return undefined;
  if (found) zone.value = found.zone;
  if (JSON.stringify(found && { ...found, other_tab: false }) !== JSON.stringify(me.value)) me.value = found && { ...found, other_tab: false };
  return found;
}

/** The desk gives no stream: nobody is signed in any more, or another page of the seat has it. */
export async function lookWhy(): Promise<void> {
  take = false;
  const found = await lookWho();
  if (found?.other_tab) place.value ||= "elsewhere";
}

/** Be the page of the seat from now on. */
export function takeOver(): void {
  take = true;
  place.value = "";
}

export async function signOut(): Promise<void> {
  await ask("POST", "/api/sign-out", {});
  location.reload();
}
