// The state of an agent's page and its signed-in agent.
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
  /** The campaigns in which the agent may dial numbers manually. */
  manual?: string[];
  undo_seconds: number;
  training?: boolean; // the voters are simulated
  /** The organisation on whose behalf the centre calls. */
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
  /** The id of the number. */
  phone?: number;
  masked: string;
  addressed: number | null;
  worker: boolean;
  language: string;
  opted_out: boolean;
  voters: Voter[];
  booth: Booth | null;
  calls: { at: number; campaign: string; outcome: string; disposition: string | null }[];
  lawful: { code: string; registers?: { name: string; dated: string }[] } | null;
  note?: { text: string; at: number } | null;
  script?: Script | null;
  draft?: unknown;
}
/** The signed-in user; null = nobody, undefined = not known yet. */
export const me = signal<Agent | null | undefined>(undefined);
/** Why this page gets no updates: another page of the seat is open or has replaced it; "" = it gets updates. */
export const place = signal<"" | "elsewhere" | "taken">("");

/** Temporary problems, after which a request is retried. */
export const RETRYABLE = new Set(["no-desk", "away", "broker-away", "signed-out", "not-saved", "busy", "unanswered"]);

/** Whether this page is the active page of the seat. Any other page sends and stores nothing. */
export const isHere = computed(() => Boolean(me.value) && place.value === "" && value("desk") !== undefined);

export const seat = () => value<SeatView>("seat");
export const pop = () => value<Pop | null>("pop") ?? null;
export const stateOf = () => seat()?.state ?? "";

// A reload keeps the id of its tab. While a page is open, the id is not in any storage, so that a duplicated tab gets another one.
const TAB = "matdan-tab";
const tab = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
sessionStorage.removeItem(TAB);
addEventListener("pagehide", () => sessionStorage.setItem(TAB, tab));
addEventListener("pageshow", () => sessionStorage.removeItem(TAB));

let take = false;
export const eventsPath = () => `/api/agent/events?tab=${tab}${take ? "&take=1" : ""}`;

export async function loadUser(): Promise<Agent | null | undefined> {
  const found = await ask<Agent | null>("GET", "/api/agent/me");
  if (isProblem(found)) return undefined;
  if (found) zone.value = found.zone;
  if (JSON.stringify(found && { ...found, other_tab: false }) !== JSON.stringify(me.value)) me.value = found && { ...found, other_tab: false };
  return found;
}

/** Find out why the desk refuses the stream: the session has ended, or another page of the seat is open. */
export async function checkSession(): Promise<void> {
  take = false;
  const found = await loadUser();
  if (found?.other_tab) place.value ||= "elsewhere";
}

/** Make this page the active page of the seat. */
export function takeOverSeat(): void {
  take = true;
  place.value = "";
}

export async function signOut(): Promise<void> {
  await ask("POST", "/api/sign-out", {});
  location.reload();
}
