// Outcomes on their way to the dialler. An outcome is saved when the dialler confirms it. Until then it is in this list and in the
// browser's storage (ids and codes, no names), and is resent with the same id, also after a reload.
import { computed, effect, signal, untracked } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import { callsWithEntries } from "./drafts";
import { keep, noteId, queueNote } from "./notes";
import { RETRYABLE, isHere, me } from "./state";

export interface Word {
  id: string;
  attempt: string;
  /** The fields of `seat-dispose` (docs/reference/topics.md), without names. */
  values: Record<string, unknown> & { disposition: string };
  /** The note is not yet on the desk. */
  owesNote: boolean;
  /** It was sent without its note, which a reload has discarded or the desk has refused. */
  isNoteLost?: boolean;
  /** When it may be sent: outcomes that the dialler cannot undo are held back (milliseconds since 1970). */
  from: number;
  state: "waiting" | "sending" | "retrying" | "saved" | "refused" | "undoing";
  /** When it was saved (milliseconds since 1970). */
  savedAt: number;
  /** Why it was refused: a code with a message, or the dialler's text. */
  refusal: { word: string | null; text: string } | null;
}
interface Reply {
  status: "done" | "refused" | "unanswered";
  text: string;
  word?: string | null;
}

const AGAIN_MS = [1000, 2000, 4000, 8000];
const MOST_WORDS = 100;
/** Outcomes that other centres are notified of at once. The page holds them back for the undo time. */
export const NOT_UNDOABLE = new Set(["opt-out", "refused"]);

export const words = signal<Word[]>([]);
let timer = 0;
let busy = false;
let failures = 0;

const keyOf = () => `matdan-said-${me.value?.agent ?? ""}`;
export const undoMs = () => (me.value?.undo_seconds ?? 5) * 1000;

/** Return whether a duration is within the undo time. A changed PC clock must not hold anything back for longer. */
const isWithin = (ms: number) => 0 <= ms && ms <= undoMs();

/** The agent's entries from before a reload. A page that is not in use for the seat restores none: they may have been undone elsewhere. */
const agent = computed(() => (isHere.value ? me.value?.agent : undefined));
effect(() => {
  if (agent.value !== undefined) untracked(restore);
  else words.value = [];
});

function restore(): void {
  try {
    const found = JSON.parse(localStorage.getItem(keyOf()) ?? "[]") as Word[];
    words.value = found.map((each) => ({ ...each, state: RESTORED[each.state] ?? each.state }));
  } catch {
    words.value = [];
  }
  work();
}
const RESTORED: Partial<Record<Word["state"], Word["state"]>> = { sending: "retrying", "undoing": "saved" };

function put(list: Word[]): void {
  if (!isHere.peek()) return;
  words.value = list.slice(-MOST_WORDS);
  try {
    localStorage.setItem(keyOf(), JSON.stringify(words.value));
  } catch {
    // the disk is full or the browser stores nothing: the entries are in this page only
  }
}

function alter(id: string, changed: Partial<Word>): void {
  put(words.value.map((each) => (each.id === id ? { ...each, ...changed } : each)));
}

export function drop(id: string): void {
  put(words.value.filter((each) => each.id !== id));
}

/** Record the outcome of a call. It replaces earlier outcomes of the call that are not being sent. */
export function recordOutcome(attempt: string, values: Word["values"], note: string, wait: boolean): void {
  const id = crypto.randomUUID();
  if (note) queueNote(attempt, note);
  const others = words.value.filter((each) => each.attempt !== attempt || !["waiting", "saved", "refused"].includes(each.state));
  const from = Date.now() + (wait ? undoMs() : 0);
  const word: Word = {
    id,
    attempt,
    values: { ...values, ...(note ? { note: noteId(attempt) } : {}) },
    owesNote: Boolean(note),
    from,
    state: wait ? "waiting" : "sending",
    savedAt: 0,
    refusal: null,
  };
  callsWithEntries.add(attempt);
  put([...others, word]);
  work();
}

/** Send a held-back outcome now. */
export function sendNow(attempt: string): void {
  put(words.value.map((each) => (each.attempt === attempt && each.state === "waiting" ? { ...each, from: 0 } : each)));
  work();
}

/** Send due outcomes, oldest first, one at a time. Remove those that can no longer be undone. */
function work(): void {
  clearTimeout(timer);
  const now = Date.now();
  const standing = words.value.filter((each) => each.state !== "saved" || each.isNoteLost || isWithin(now - each.savedAt));
  if (standing.length !== words.value.length) put(standing);
  const due = standing.find((each) => ["sending", "retrying"].includes(each.state) || (each.state === "waiting" && !isWithin(each.from - now)));
  if (due && !busy && isHere.peek()) return void send(due);
  const next = standing.flatMap((each) =>
    each.state === "waiting" ? [each.from - now] : each.state === "saved" && !each.isNoteLost ? [each.savedAt + undoMs() - now] : [],
  );
  if (next.length) timer = window.setTimeout(work, Math.max(50, Math.min(...next)));
}

async function send(word: Word): Promise<void> {
  busy = true;
  if (word.state === "waiting") alter(word.id, { state: "sending" });
  const went = await tell(word);
  busy = false;
  if (!words.value.some((each) => each.id === word.id)) return work();
  if (went === null) {
    alter(word.id, { state: "retrying" });
    clearTimeout(timer);
    timer = window.setTimeout(work, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
    return;
  }
  failures = 0;
  if (went.status === "done") alter(word.id, { state: "saved", savedAt: Date.now() });
  else if (went.word === "other-script" && word.values.answers) {
    const { answers: _, ...rest } = word.values; // a restarted dialler has another script: the answers are lost, the outcome is not
    alter(word.id, { id: crypto.randomUUID(), values: rest as Word["values"] });
  } else alter(word.id, { state: "refused", refusal: { word: went.word ?? null, text: went.text } });
  work();
}

/** Send an outcome and return the dialler's reply; null = no reply. */
async function tell(word: Word): Promise<Reply | null> {
  let values = word.values;
  if (word.owesNote) {
    const isKept = await keep(word.attempt);
    if (isKept === null) return null;
    if (!isKept) {
      const { note: _, ...rest } = values; // the desk has no note: nothing was sent with this id yet, so it is sent without
      values = rest as Word["values"];
    }
    alter(word.id, { values, owesNote: false, isNoteLost: !isKept });
  }
  return command(word.id, "seat-dispose", { attempt: word.attempt, ...values });
}

/** Send a command and return the reply; null = no reply, so it is unknown whether it was executed. */
export async function command(id: string, name: string, values: Record<string, unknown>): Promise<Reply | null> {
  const answer = await ask<Reply>("POST", "/api/agent/command", { id, name, values });
  if (!isProblem(answer)) return answer.status === "unanswered" ? null : answer;
  if (RETRYABLE.has(answer.problem)) return null;
  return { status: "refused", word: answer.problem, text: answer.problem };
}

const closingTold = new Set<string>();
/** Tell the dialler that the talk or wrap-up is ending, so that it may dial the next voter sooner. */
export function closing(attempt: string): void {
  if (closingTold.has(attempt)) return;
  closingTold.add(attempt);
  void command(crypto.randomUUID(), "seat-closing", { attempt });
}

/** Return the newest outcome that can still be undone. */
export function lastUndoable(): Word | undefined {
  return [...words.value].reverse().find(canBeUndone);
}
/** Return whether an outcome is held back or the dialler can still undo it. */
export const canBeUndone = (word: Word) =>
  word.state === "waiting" || (word.state === "saved" && !NOT_UNDOABLE.has(word.values.disposition) && isWithin(Date.now() - word.savedAt));

/** Undo an outcome. Return null if it is undone, "unanswered" if that is unknown, else the refusal. */
export async function undo(word: Word): Promise<{ word: string | null; text: string } | "unanswered" | null> {
  if (word.state === "waiting") {
    drop(word.id);
    return null;
  }
  alter(word.id, { state: "undoing" });
  const id = crypto.randomUUID();
  let reply: Reply | null = null;
  for (let tries = 0; reply === null && tries < 3; tries++) {
    if (tries) await new Promise((resolve) => setTimeout(resolve, 1000));
    reply = await command(id, "seat-undo-disposition", { attempt: word.attempt });
  }
  drop(word.id);
  if (reply === null) return "unanswered";
  return reply.status === "done" ? null : { word: reply.word ?? null, text: reply.text };
}
