// What an agent has said of a call and not yet sent: by attempt, in the page and on the desk, so that a reload brings it back.
import { effect, signal, type Signal } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import { language } from "../shared/words";
import { UNSENT, pop, type Pop, type Voter } from "./state";

export interface Said {
  mark: string;
  hour?: number;
}
export interface Draft {
  voters: Record<string, Said>;
  /** The voter whom the next key means; null: whom the call addresses. */
  chosen: number | null;
  answers: Record<string, string>;
  /** The pages of the script that were opened, in order. */
  path: string[];
  note: string;
  /** It has been sent as it is. */
  sent: boolean;
}
const SAVE_MS = 400;
const AGAIN_MS = 2000;
const MOST_KEPT = 3;
const EMPTY: Draft = { voters: {}, chosen: null, answers: {}, path: [], note: "", sent: false };

const drafts = new Map<string, Signal<Draft>>();
/** Calls of which something was said here: their voters may be spoken of anew. */
export const spokenOf = new Set<string>();
const unsaved = new Set<string>();
let saving = 0;

/** The draft of a call; that of the desk where this page has none yet. */
export function draftOf(call: Pop): Signal<Draft> {
  let found = drafts.get(call.attempt);
  if (!found) {
    const kept = call.draft && typeof call.draft === "object" ? (call.draft as Partial<Draft>) : {};
    drafts.set(call.attempt, (found = signal<Draft>({ ...EMPTY, ...kept })));
    if (kept.sent) spokenOf.add(call.attempt);
    for (const old of [...drafts.keys()].slice(0, -MOST_KEPT)) drafts.delete(old);
  }
  return found;
}

/** Change a draft; the desk has it soon after. */
export function change(call: Pop, changed: Partial<Draft>): void {
  const draft = draftOf(call);
  draft.value = { ...draft.value, ...changed };
  unsaved.add(call.attempt);
  clearTimeout(saving);
  saving = window.setTimeout(() => void save(), SAVE_MS);
}

/** What is to be saved of the call on the screen: the desk keeps one draft of a seat, and an older call's would take its place. */
function taken(): { attempt: string; draft: Draft } | null {
  const attempt = pop()?.attempt ?? "";
  const found = unsaved.has(attempt) && drafts.get(attempt);
  unsaved.clear();
  return found ? { attempt, draft: found.value } : null;
}

async function save(): Promise<void> {
  const body = taken();
  const went = body && (await ask("PUT", "/api/agent/draft", body));
  if (!body || !isProblem(went) || !UNSENT.has(went.problem)) return;
  unsaved.add(body.attempt);
  clearTimeout(saving);
  saving = window.setTimeout(() => void save(), AGAIN_MS);
}

// A page that is left saves at once; `keepalive` lets the request outlive it.
addEventListener("pagehide", () => {
  const body = JSON.stringify(taken());
  if (body !== "null") void fetch("/api/agent/draft", { method: "PUT", keepalive: true, headers: { "content-type": "application/json" }, body });
});

/** The note that was typed of a call, in this page or before a reload; undefined: nobody knows any more. */
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

/** Of a name and the same in the script of the place, that which is read here: an agent need not read every script. */
export const readable = (name: string, local: string | null | undefined): string =>
  local && SCRIPTS[language.value]?.test(local) ? local : name;
export const nameOf = (voter: Voter): string => readable(voter.name, voter.name_local);

/** Voters of a call who are still to be asked about, whom the call addresses first. */
export function pendingOf(call: Pop) {
  const spoken = spokenOf.has(call.attempt) ? draftOf(call).value.voters : {};
  const pending = call.voters.filter((voter) => voter.pending || voter.id in spoken);
  return pending.sort((a, b) => Number(b.id === call.addressed) - Number(a.id === call.addressed));
}

/** The voter whom the next outcome means; null: the number as a whole. */
export function chosenOf(call: Pop): number | null {
  const { chosen, voters } = draftOf(call).value;
  const pending = pendingOf(call);
  if (chosen !== null && pending.some((voter) => voter.id === chosen)) return chosen;
  return (pending.find((voter) => !voters[voter.id]) ?? pending[0])?.id ?? null;
}

// The calls whose words may still be taken back: who was on the line, in memory alone.
const lately = new Map<string, Pop>();
effect(() => {
  const there = pop();
  if (!there) return;
  lately.delete(there.attempt);
  lately.set(there.attempt, there);
  for (const old of [...lately.keys()].slice(0, -MOST_KEPT)) lately.delete(old);
});

/** Who was on the line in a call of a moment ago; after a reload nobody knows, and nobody is named. */
export const whoWas = (attempt: string): Pop =>
  lately.get(attempt) ?? {
    attempt,
    campaign: "",
    masked: "",
    addressed: null,
    worker: false,
    language: "",
    opted_out: false,
    voters: [],
    booth: null,
    calls: [],
    lawful: null,
  };
