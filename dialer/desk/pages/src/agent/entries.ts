// Outcomes on their way to the dialler. An outcome is saved when the dialler confirms it. Until then it is in this list and in the
// browser's storage (ids and codes, no names), and is resent with the same id, also after a reload.
import { computed, effect, signal, untracked } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import { callsWithEntries } from "./drafts";
import { keep, noteId, queueNote } from "./notes";
import { isHere, me, RETRYABLE } from "./state";

export interface Entry {
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
  refusal: { code: string | null; text: string } | null;
}
interface Reply {
  status: "done" | "refused" | "unanswered";
  text: string;
  code?: string | null;
}

const AGAIN_MS = [1000, 2000, 4000, 8000];
const MAX_ENTRIES = 100;
/** Outcomes that other centres are notified of at once. The page holds them back for the undo time. */
export const NOT_UNDOABLE = new Set(["opt-out", "refused"]);

export const entries = signal<Entry[]>([]);
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
  else entries.value = [];
});

function restore(): void {
  try {
    const found = JSON.parse(localStorage.getItem(keyOf()) ?? "[]") as Entry[];
    entries.value = found.map((each) => ({
      ...each,
      values: nameVoters(each.values),
      state: RESTORED[each.state] ?? each.state,
    }));
  } catch {
    entries.value = [];
  }
  work();
}
/** Return the fields of an outcome that an earlier version of the page may have stored: it called a voter's id `voter`. */
const nameVoters = (values: Entry["values"]): Entry["values"] =>
  Array.isArray(values.voters)
    ? {
        ...values,
        voters: values.voters.map(({ voter, ...rest }) => (voter === undefined ? rest : { voter_id: voter, ...rest })),
      }
    : values;
const RESTORED: Partial<Record<Entry["state"], Entry["state"]>> = { sending: "retrying", undoing: "saved" };

function put(list: Entry[]): void {
  if (!isHere.peek()) return;
  entries.value = list.slice(-MAX_ENTRIES);
  try {
    localStorage.setItem(keyOf(), JSON.stringify(entries.value));
  } catch {
    // the disk is full or the browser stores nothing: the entries are in this page only
  }
}

function alter(id: string, changed: Partial<Entry>): void {
  put(entries.value.map((each) => (each.id === id ? { ...each, ...changed } : each)));
}

export function drop(id: string): void {
  put(entries.value.filter((each) => each.id !== id));
}

/** Record the outcome of a call. It replaces earlier outcomes of the call that are not being sent. */
export function recordOutcome(attempt: string, values: Entry["values"], note: string, wait: boolean): void {
  const id = crypto.randomUUID();
  if (note) queueNote(attempt, note);
  const others = entries.value.filter(
    (each) => each.attempt !== attempt || !["waiting", "saved", "refused"].includes(each.state),
  );
  const from = Date.now() + (wait ? undoMs() : 0);
  const entry: Entry = {
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
  put([...others, entry]);
  work();
}

/** Send a held-back outcome now. */
export function sendNow(attempt: string): void {
  put(
    entries.value.map((each) => (each.attempt === attempt && each.state === "waiting" ? { ...each, from: 0 } : each)),
  );
  work();
}

/** Send due outcomes, oldest first, one at a time. Remove those that can no longer be undone. */
function work(): void {
  clearTimeout(timer);
  const now = Date.now();
  const standing = entries.value.filter(
    (each) => each.state !== "saved" || each.isNoteLost || isWithin(now - each.savedAt),
  );
  if (standing.length !== entries.value.length) put(standing);
  const due = standing.find(
    (each) => ["sending", "retrying"].includes(each.state) || (each.state === "waiting" && !isWithin(each.from - now)),
  );
  if (due && !busy && isHere.peek()) return void send(due);
  const next = standing.flatMap((each) =>
    each.state === "waiting"
      ? [each.from - now]
      : each.state === "saved" && !each.isNoteLost
        ? [each.savedAt + undoMs() - now]
        : [],
  );
  if (next.length) timer = window.setTimeout(work, Math.max(50, Math.min(...next)));
}

async function send(entry: Entry): Promise<void> {
  busy = true;
  if (entry.state === "waiting") alter(entry.id, { state: "sending" });
  const reply = await submit(entry);
  busy = false;
  if (!entries.value.some((each) => each.id === entry.id)) return work();
  if (reply === null) {
    alter(entry.id, { state: "retrying" });
    clearTimeout(timer);
    timer = window.setTimeout(work, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
    return;
  }
  failures = 0;
  if (reply.status === "done") alter(entry.id, { state: "saved", savedAt: Date.now() });
  else if (reply.code === "other-script" && entry.values.answers) {
    const { answers: _, ...rest } = entry.values; // a restarted dialler has another script: the answers are lost, the outcome is not
    alter(entry.id, { id: crypto.randomUUID(), values: rest as Entry["values"] });
  } else alter(entry.id, { state: "refused", refusal: { code: reply.code ?? null, text: reply.text } });
  work();
}

/** Send an outcome and return the dialler's reply; null = no reply. */
async function submit(entry: Entry): Promise<Reply | null> {
  let values = entry.values;
  if (entry.owesNote) {
    const isKept = await keep(entry.attempt);
    if (isKept === null) return null;
    if (!isKept) {
      const { note: _, ...rest } = values; // the desk has no note: nothing was sent with this id yet, so it is sent without
      values = rest as Entry["values"];
    }
    alter(entry.id, { values, owesNote: false, isNoteLost: !isKept });
  }
  return command(entry.id, "seat-dispose", { attempt_id: entry.attempt, ...values });
}

/** Send a command and return the reply; null = no reply, so it is unknown whether it was executed. */
export async function command(id: string, name: string, values: Record<string, unknown>): Promise<Reply | null> {
  const answer = await ask<Reply>("POST", "/api/agent/command", { id, name, values });
  if (!isProblem(answer)) return answer.status === "unanswered" ? null : answer;
  if (RETRYABLE.has(answer.problem)) return null;
  return { status: "refused", code: answer.problem, text: answer.problem };
}

const closingTold = new Set<string>();
/** Tell the dialler that the talk or wrap-up is ending, so that it may dial the next voter sooner. */
export function closing(attempt: string): void {
  if (closingTold.has(attempt)) return;
  closingTold.add(attempt);
  void command(crypto.randomUUID(), "seat-closing", { attempt_id: attempt });
}

/** Return the newest outcome that can still be undone. */
export function lastUndoable(): Entry | undefined {
  return [...entries.value].reverse().find(canBeUndone);
}
/** Return whether an outcome is held back or the dialler can still undo it. */
export const canBeUndone = (entry: Entry) =>
  entry.state === "waiting" ||
  (entry.state === "saved" && !NOT_UNDOABLE.has(entry.values.disposition) && isWithin(Date.now() - entry.savedAt));

/** Undo an outcome. Return null if it is undone, "unanswered" if that is unknown, else the refusal. */
export async function undo(entry: Entry): Promise<{ code: string | null; text: string } | "unanswered" | null> {
  if (entry.state === "waiting") {
    drop(entry.id);
    return null;
  }
  alter(entry.id, { state: "undoing" });
  const id = crypto.randomUUID();
  let reply: Reply | null = null;
  for (let tries = 0; reply === null && tries < 3; tries++) {
    if (tries) await new Promise((resolve) => setTimeout(resolve, 1000));
    reply = await command(id, "seat-undo-disposition", { attempt_id: entry.attempt });
  }
  drop(entry.id);
  if (reply === null) return "unanswered";
  return reply.status === "done" ? null : { code: reply.code ?? null, text: reply.text };
}
