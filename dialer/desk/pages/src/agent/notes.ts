// Notes that are not yet on the desk. They are in this page's memory and in the draft, never in the browser's storage.
import { signal } from "@preact/signals";
import { ask, isProblem } from "../shared/server";
import { typedNote } from "./drafts";
import { RETRYABLE } from "./state";

const TYPING_MS = 1500;
const AGAIN_MS = 2000;

/** Unsent notes by attempt; the newest of each. */
const owed = new Map<string, string>();
/** The states of this page's notes, by attempt. */
export const noteStates = signal<Record<string, "unsaved" | "saved" | "refused">>({});
let timer = 0;
/** Requests run one after another: the desk stores the last one it receives. */
let last: Promise<unknown> = Promise.resolve();

/** Return the id of a call's note. A call has one note, however often it is changed. */
export const noteId = (attempt: string) => `n-${attempt}`;

/** Queue a note, to be sent soon or together with its outcome. */
export function queueNote(attempt: string, text: string): void {
  owed.set(attempt, text);
  setNoteState(attempt, "unsaved");
  pushIn(TYPING_MS);
}

/** Send all unsent notes now. */
export async function sendNotes(): Promise<void> {
  clearTimeout(timer);
  for (const attempt of [...owed.keys()]) await keep(attempt);
  if (owed.size) pushIn(AGAIN_MS);
}

function pushIn(ms: number): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void sendNotes(), ms);
}

function setNoteState(attempt: string, state: "unsaved" | "saved" | "refused"): void {
  noteStates.value = { ...noteStates.value, [attempt]: state };
}

/** Send the note of a call. Return whether the desk stored it; null = no answer. */
export function keep(attempt: string): Promise<boolean | null> {
  const done = last.then(() => send(attempt));
  last = done;
  return done;
}

async function send(attempt: string): Promise<boolean | null> {
  if (!owed.has(attempt) && noteStates.value[attempt] === "saved") return true;
  const text = owed.get(attempt) ?? typedNote(attempt); // a reload may have discarded it
  if (text === undefined) return false;
  const went = await ask("POST", "/api/agent/note", { id: noteId(attempt), attempt, text });
  if (isProblem(went) && RETRYABLE.has(went.problem)) return null;
  if ((owed.get(attempt) ?? text) === text) {
    owed.delete(attempt);
    setNoteState(attempt, isProblem(went) ? "refused" : "saved");
  }
  return !isProblem(went);
}

addEventListener("pagehide", () => {
  for (const [attempt, text] of owed) {
    const body = JSON.stringify({ id: noteId(attempt), attempt, text });
    void fetch("/api/agent/note", {
      method: "POST",
      keepalive: true,
      headers: { "content-type": "application/json" },
      body,
    });
  }
});
