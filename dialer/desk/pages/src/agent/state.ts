// The state of an agent's page and its signed-in agent.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, value } from "../shared/server";
import type { AgentAccount, AgentScreenPop, SeatView } from "../shared/wire";
import { zone } from "../shared/words";

/** The signed-in user; null = nobody, undefined = not known yet. */
export const me = signal<AgentAccount | null | undefined>(undefined);
/** Why this page gets no updates: another page of the seat is open or has replaced it; "" = it gets updates. */
export const place = signal<"" | "elsewhere" | "taken">("");

/** Temporary problems, after which a request is retried. */
export const RETRYABLE = new Set(["no-desk", "away", "broker-away", "signed-out", "not-saved", "busy", "unanswered"]);

/** Whether this page is the active page of the seat. Any other page sends and stores nothing. */
export const isHere = computed(() => Boolean(me.value) && place.value === "" && value("desk") !== undefined);

export const seat = () => value<SeatView>("seat");
export const pop = () => value<AgentScreenPop | null>("pop") ?? null;
export const stateOf = () => seat()?.state ?? "";

// A reload keeps the id of its tab. While a page is open, the id is not in any storage, so that a duplicated tab gets another one.
const TAB = "matdan-tab";
const tab = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
sessionStorage.removeItem(TAB);
addEventListener("pagehide", () => sessionStorage.setItem(TAB, tab));
addEventListener("pageshow", () => sessionStorage.removeItem(TAB));

let take = false;
export const eventsPath = () => `/api/agent/events?tab=${tab}${take ? "&take=1" : ""}`;

export async function loadUser(): Promise<AgentAccount | null | undefined> {
  const found = await ask<AgentAccount | null>("GET", "/api/agent/me");
  if (isProblem(found)) return undefined;
  if (found) zone.value = found.zone;
  if (JSON.stringify(found && { ...found, other_tab: false }) !== JSON.stringify(me.value))
    me.value = found && { ...found, other_tab: false };
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
