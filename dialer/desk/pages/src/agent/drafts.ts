// Entries of a call that are not sent yet, by attempt. They are stored on the desk too, so that a reload restores them.
import { effect, type Signal, signal } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import type { AgentScreenPop, Disposition, ScreenPopVoter } from "../shared/wire";
import { language } from "../shared/words";
import { pop, RETRYABLE } from "./state";

export interface VoterOutcome {
  mark: string;
  hour?: number;
}
export interface Draft {
  voters: Record<string, VoterOutcome>;
  /** The voter selected for the next key; null = the addressed voter. */
  chosen: number | null;
  answers: Record<string, string>;
  /** The opened pages of the script, in order. */
  path: string[];
  note: string;
  /** Whether this draft was sent. */
  sent: boolean;
}
/** The outcome of each digit: docs/how-to/seats.md, Keys. */
export const OUTCOMES: Record<string, Disposition> = {
  "1": "voted",
  "2": "not-yet",
  "3": "later",
  "4": "will-not",
  "5": "wrong-number",
  "6": "call-back",
  "7": "language",
  "8": "refused",
  "9": "opt-out",
  "0": "machine",
};
const SAVE_MS = 400;
const AGAIN_MS = 2000;
const MOST_KEPT = 3;
const EMPTY: Draft = { voters: {}, chosen: null, answers: {}, path: [], note: "", sent: false };

const drafts = new Map<string, Signal<Draft>>();
/** Calls with entries from this page: their voters may be corrected. */
export const callsWithEntries = new Set<string>();
const unsaved = new Set<string>();
let saving = 0;

/** Return the draft of a call: this page's, or else the desk's. */
export function draftOf(call: AgentScreenPop): Signal<Draft> {
  let found = drafts.get(call.attempt);
  if (!found) {
    const kept = call.draft && typeof call.draft === "object" ? (call.draft as Partial<Draft>) : {};
    found = signal<Draft>({ ...EMPTY, ...kept });
    drafts.set(call.attempt, found);
    if (kept.sent) callsWithEntries.add(call.attempt);
    for (const old of [...drafts.keys()].slice(0, -MOST_KEPT)) drafts.delete(old);
  }
  return found;
}

/** Change a draft. It is saved to the desk shortly after. */
export function change(call: AgentScreenPop, changed: Partial<Draft>): void {
  const draft = draftOf(call);
  draft.value = { ...draft.value, ...changed };
  unsaved.add(call.attempt);
  clearTimeout(saving);
  saving = window.setTimeout(() => void save(), SAVE_MS);
}

/** Return the unsaved draft of the call on the screen. The desk stores one draft for a seat, which an older call's would replace. */
function taken(): { attempt: string; draft: Draft } | null {
  const attempt = pop()?.attempt ?? "";
  const found = unsaved.has(attempt) && drafts.get(attempt);
  unsaved.clear();
  return found ? { attempt, draft: found.value } : null;
}

async function save(): Promise<void> {
  const body = taken();
  const went = body && (await ask("PUT", "/api/agent/draft", body));
  if (!body || !isProblem(went) || !RETRYABLE.has(went.problem)) return;
  unsaved.add(body.attempt);
  clearTimeout(saving);
  saving = window.setTimeout(() => void save(), AGAIN_MS);
}

// A page that closes saves at once. `keepalive` lets the request finish.
addEventListener("pagehide", () => {
  const body = JSON.stringify(taken());
  if (body !== "null")
    void fetch("/api/agent/draft", {
      method: "PUT",
      keepalive: true,
      headers: { "content-type": "application/json" },
      body,
    });
});

/** Return the note typed for a call, in this page or before a reload; undefined = unknown. */
export function typedNote(attempt: string): string | undefined {
  const call = pop();
  return (call?.attempt === attempt ? draftOf(call) : drafts.get(attempt))?.value.note.trim() || undefined;
}

const SCRIPTS: Record<string, RegExp> = {
  as: /\p{Script=Bengali}/u,
  bn: /\p{Script=Bengali}/u,
  gu: /\p{Script=Gujarati}/u,
  hi: /\p{Script=Devanagari}/u,
  kn: /\p{Script=Kannada}/u,
  ml: /\p{Script=Malayalam}/u,
  mr: /\p{Script=Devanagari}/u,
  or: /\p{Script=Oriya}/u,
  pa: /\p{Script=Gurmukhi}/u,
  ta: /\p{Script=Tamil}/u,
  te: /\p{Script=Telugu}/u,
  ur: /\p{Script=Arabic}/u,
};

/** Return the spelling of a name that fits the page's language: an agent need not read every script. */
export const readable = (name: string, local: string | null | undefined): string =>
  local && SCRIPTS[language.value]?.test(local) ? local : name;
export const nameOf = (voter: ScreenPopVoter): string => readable(voter.name, voter.name_local);

/** Return the voters of a call to ask about, the addressed one first. */
export function pendingOf(call: AgentScreenPop) {
  const spoken = callsWithEntries.has(call.attempt) ? draftOf(call).value.voters : {};
  const pending = call.voters.filter((voter) => voter.pending || voter.id in spoken);
  return pending.sort((a, b) => Number(b.id === call.addressed) - Number(a.id === call.addressed));
}

/** Return the voter for the next outcome; null = the number as a whole. */
export function chosenOf(call: AgentScreenPop): number | null {
  const { chosen, voters } = draftOf(call).value;
  const pending = pendingOf(call);
  if (chosen !== null && pending.some((voter) => voter.id === chosen)) return chosen;
  return (pending.find((voter) => !voters[voter.id]) ?? pending[0])?.id ?? null;
}

// The latest calls, whose outcomes may still be undone. In memory only.
const recentCalls = new Map<string, AgentScreenPop>();
effect(() => {
  const there = pop();
  if (!there) return;
  recentCalls.delete(there.attempt);
  recentCalls.set(there.attempt, there);
  for (const old of [...recentCalls.keys()].slice(0, -MOST_KEPT)) recentCalls.delete(old);
});

/** Return a recent call. After a reload it is unknown, and no voter is named. */
export const recentCall = (attempt: string): AgentScreenPop =>
  recentCalls.get(attempt) ?? {
    attempt,
    campaign: "",
    purpose: "",
    phone: 0,
    masked: "",
    addressed: null,
    worker: false,
    language: "",
    opted_out: false,
    outcomes: Object.values(OUTCOMES), // the dialler refuses what the campaign does not accept
    call_back_times: true,
    voters: [],
    booth: null,
    calls: [],
    lawful: null,
    script: null,
    note: null,
    draft: null,
  };
