// What agents say of calls, on its way to the dialler. It counts as kept when the dialler has said so; until then it stands in this
// list and in the browser's storage (ids and words, no name), and is sent again under the same id, after a reload too.
import { computed, effect, signal, untracked } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import { spokenOf } from "./drafts";
import { keep, noteId, owe } from "./notes";
import { UNSENT, isHere, me } from "./state";

export interface Word {
  id: string;
  attempt: string;
  /** Of `seat-dispose` as docs/reference/topics.md has them; nothing that names anybody. */
  values: Record<string, unknown> & { disposition: string };
  /** The note is not with the desk yet. */
  owesNote: boolean;
  /** It went out without its note, which a reload has lost or the desk has refused. */
  isNoteLost?: boolean;
  /** Held back until then: what the dialler cannot take back. Milliseconds since 1970. */
  from: number;
  state: "waiting" | "sending" | "retrying" | "saved" | "refused" | "undoing";
  /** When it was kept, milliseconds since 1970. */
  savedAt: number;
  /** Why it was refused: a word that has a sentence here, else as the dialler says it. */
  refusal: { word: string | null; text: string } | null;
}
interface Reply {
  status: "done" | "refused" | "unanswered";
  text: string;
  word?: string | null;
}

const AGAIN_MS = [1000, 2000, 4000, 8000];
const MOST_WORDS = 100;
/** What other centres are told of at once: the page waits with it for as long as it may be undone. */
export const STANDS = new Set(["opt-out", "refused"]);

export const words = signal<Word[]>([]);
let timer = 0;
let busy = false;
let failures = 0;

const keyOf = () => `matdan-said-${me.value?.agent ?? ""}`;
export const undoMs = () => (me.value?.undo_seconds ?? 5) * 1000;

/** Within the time for undoing. A PC's clock that was set holds nothing back for longer. */
const isWithin = (ms: number) => 0 <= ms && ms <= undoMs();

/** Those of who has signed in, from before a reload. A page that is not the seat's has none: what stands there may have been undone here. */
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
    // a full disk, or a browser that keeps nothing: it stands in this page alone
  }
}

function alter(id: string, changed: Partial<Word>): void {
  put(words.value.map((each) => (each.id === id ? { ...each, ...changed } : each)));
}

export function drop(id: string): void {
  put(words.value.filter((each) => each.id !== id));
}

/** Say what came of a call. What was said of it before and has not gone out is void: what is said last counts. */
export function say(attempt: string, values: Word["values"], note: string, wait: boolean): void {
  const id = crypto.randomUUID();
  if (note) owe(attempt, note);
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
  spokenOf.add(attempt);
  put([...others, word]);
  work();
}

/** Send what is held back now. */
export function hurry(attempt: string): void {
  put(words.value.map((each) => (each.attempt === attempt && each.state === "waiting" ? { ...each, from: 0 } : each)));
  work();
}

/** Send what is due, oldest first, one at a time; forget what can be undone no more. */
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
    const { answers: _, ...rest } = word.values; // a dialler began anew with another script: its answers are lost, the outcome is not
    alter(word.id, { id: crypto.randomUUID(), values: rest as Word["values"] });
  } else alter(word.id, { state: "refused", refusal: { word: went.word ?? null, text: went.text } });
  work();
}

/** The dialler's answer; null: none came. */
async function tell(word: Word): Promise<Reply | null> {
  let values = word.values;
  if (word.owesNote) {
    const isKept = await keep(word.attempt);
    if (isKept === null) return null;
    if (!isKept) {
      const { note: _, ...rest } = values; // the desk has none: nothing has gone out under this id yet, so it goes without
      values = rest as Word["values"];
    }
    alter(word.id, { values, owesNote: false, isNoteLost: !isKept });
  }
  return command(word.id, "seat-dispose", { attempt: word.attempt, ...values });
}

/** Give a command; null: no answer came, and nobody knows whether it was done. */
export async function command(id: string, name: string, values: Record<string, unknown>): Promise<Reply | null> {
  const answer = await ask<Reply>("POST", "/api/agent/command", { id, name, values });
  if (!isProblem(answer)) return answer.status === "unanswered" ? null : answer;
  if (UNSENT.has(answer.problem)) return null;
  return { status: "refused", word: answer.problem, text: answer.problem };
}

const closingTold = new Set<string>();
/** The talk, or its wrap-up, comes to its end: the pacing may send the next voter sooner. */
export function closing(attempt: string): void {
  if (closingTold.has(attempt)) return;
  closingTold.add(attempt);
  void command(crypto.randomUUID(), "seat-closing", { attempt });
}

/** The newest that can still be undone. */
export function undoable(): Word | undefined {
  return [...words.value].reverse().find(canBeUndone);
}
/** What is held back, or what the dialler still takes back. */
export const canBeUndone = (word: Word) =>
  word.state === "waiting" || (word.state === "saved" && !STANDS.has(word.values.disposition) && isWithin(Date.now() - word.savedAt));

/** Undo it; null: nothing is kept of it any more, "unanswered": nobody knows, else why it stays. */
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
