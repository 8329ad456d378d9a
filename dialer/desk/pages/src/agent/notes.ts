// Notes of calls on their way to the desk: in this page's memory and in the draft, never in the browser's storage.
import { signal } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import { typedNote } from "./drafts";
import { UNSENT } from "./state";

const TYPING_MS = 1500;
const AGAIN_MS = 2000;

/** What is not with the desk yet, by attempt; the newest of each. */
const owed = new Map<string, string>();
/** What became of the notes of this page, by attempt. */
export const noteStates = signal<Record<string, "unsaved" | "saved" | "refused">>({});
let timer = 0;
/** One after the other: the desk keeps the one that comes last. */
let last: Promise<unknown> = Promise.resolve();

/** A call has one note, whatever is written anew. */
export const noteId = (attempt: string) => `n-${attempt}`;

/** A note to be kept, soon, or with the outcome that names it. */
export function owe(attempt: string, text: string): void {
  owed.set(attempt, text);
  tellOf(attempt, "unsaved");
  pushIn(TYPING_MS);
}

/** Keep all that is owed now. */
export async function push(): Promise<void> {
  clearTimeout(timer);
  for (const attempt of [...owed.keys()]) await keep(attempt);
  if (owed.size) pushIn(AGAIN_MS);
}

function pushIn(ms: number): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void push(), ms);
}

function tellOf(attempt: string, state: "unsaved" | "saved" | "refused"): void {
  noteStates.value = { ...noteStates.value, [attempt]: state };
}

/** Have the desk keep the note of a call: whether it has; null where it does not answer. */
export function keep(attempt: string): Promise<boolean | null> {
  const done = last.then(() => send(attempt));
  last = done;
  return done;
}

async function send(attempt: string): Promise<boolean | null> {
  if (!owed.has(attempt) && noteStates.value[attempt] === "saved") return true;
  const text = owed.get(attempt) ?? typedNote(attempt); // a reload may have lost it
  if (text === undefined) return false;
  const went = await ask("POST", "/api/agent/note", { id: noteId(attempt), attempt, text });
  if (isProblem(went) && UNSENT.has(went.problem)) return null;
  if ((owed.get(attempt) ?? text) === text) {
    owed.delete(attempt);
    tellOf(attempt, isProblem(went) ? "refused" : "saved");
  }
  return !isProblem(went);
}

addEventListener("pagehide", () => {
  for (const [attempt, text] of owed) {
    const body = JSON.stringify({ id: noteId(attempt), attempt, text });
    void fetch("/api/agent/note", { method: "POST", keepalive: true, headers: { "content-type": "application/json" }, body });
  }
});
