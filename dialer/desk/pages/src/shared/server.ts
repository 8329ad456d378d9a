// Requests to the desk, and the stream of its updates.
import { type Signal, signal } from "@preact/signals";
import type { BoardUser, PageText, Update } from "./wire";
import { zone } from "./words";

/** A refused request: a problem code with a message `problem-CODE`. */
export interface Problem {
  problem: string;
  seconds?: number;
  text?: string | PageText;
}

/** Send a request and return the answer or the problem. An unreachable desk is a problem too. */
export async function ask<T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown): Promise<T | Problem> {
  try {
    const sent =
      body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(path, { method, credentials: "same-origin", cache: "no-store", ...sent });
    return answer.status === 204 ? ({} as T) : ((await answer.json()) as T | Problem);
  } catch {
    return { problem: "no-desk" };
  }
}

export const isProblem = (answer: unknown): answer is Problem =>
  typeof answer === "object" && answer !== null && "problem" in answer;

/** The signed-in user; null = nobody, undefined = not known yet. */
export const me = signal<BoardUser | null | undefined>(undefined);

export async function loadUser(): Promise<void> {
  const found = await ask<BoardUser | null>("GET", "/api/me");
  if (isProblem(found)) return;
  if (found) zone.value = found.zone;
  me.value = found;
}

export async function signOut(): Promise<void> {
  await ask("POST", "/api/sign-out", {});
  location.reload();
}

// The page state: one signal for each key, so that a changed seat redraws only itself.

const cells = new Map<string, Signal<unknown>>();
const names = new Map<string, Signal<string[]>>();

/** Return a value of the page state, or undefined. A component that reads it is redrawn when it changes. */
export function value<T>(key: string): T | undefined {
  let cell = cells.get(key);
  if (!cell) {
    cell = signal<unknown>(undefined);
    cells.set(key, cell);
  }
  return cell.value as T | undefined;
}

/** Return the names of a kind, sorted: namesOf("seat") has "04". */
export function namesOf(kind: string): string[] {
  let found = names.get(kind);
  if (!found) {
    found = signal(collect(kind));
    names.set(kind, found);
  }
  return found.value;
}

const sorter = new Intl.Collator("en", { numeric: true });
function collect(kind: string): string[] {
  const found = [...cells].filter(([key, cell]) => key.startsWith(`${kind}/`) && cell.peek() !== undefined);
  return found.map(([key]) => key.slice(kind.length + 1)).sort(sorter.compare);
}

function put(key: string, given: unknown, touched: Set<string>): void {
  const cell = cells.get(key);
  const before = cell?.peek();
  if (cell) cell.value = given;
  else cells.set(key, signal(given));
  if ((before === undefined) !== (given === undefined)) touched.add(key.split("/")[0]!);
}

/** Epoch seconds by the desk's clock. A PC's own clock may be wrong. */
export const now = signal(Date.now() / 1000);
/** When the last update was received, by the page's monotonic clock (milliseconds). */
export const receivedAt = signal(performance.now());
export const secondsSinceUpdate = signal(0);
/** Heartbeats come every 5 s. Without an update for longer than this, the page says so. */
export const STALE_SECONDS = 12;
let ahead = 0;

setInterval(() => {
  now.value = Date.now() / 1000 + ahead;
  secondsSinceUpdate.value = (performance.now() - receivedAt.value) / 1000;
}, 1000);

function take(update: Update): void {
  receivedAt.value = performance.now();
  secondsSinceUpdate.value = 0;
  ahead = update.at - Date.now() / 1000;
  now.value = update.at;
  const touched = new Set<string>();
  const removed = update.number === 0 ? [...cells.keys()].filter((key) => !(key in update.values)) : update.removed;
  for (const key of removed) put(key, undefined, touched);
  for (const [key, given] of Object.entries(update.values)) put(key, given, touched);
  for (const kind of touched) {
    const found = names.get(kind);
    if (found) found.value = collect(kind);
  }
}

/**
 * Receive the page state while `wanted` returns true. After a disconnection the whole state is sent again. `shut` is called if the
 * desk refuses the stream. Returns a function that reconnects at once.
 */
export function subscribeEvents(path: () => string, wanted: () => boolean, shut: () => void): () => void {
  let source: EventSource | undefined;
  let expected = 0;
  const open = () => {
    source?.close();
    source = new EventSource(path());
    expected = 0;
    source.onmessage = (event) => {
      const update = JSON.parse(event.data as string) as Update;
      if (update.number !== 0 && update.number !== expected) return open();
      expected = update.number + 1;
      take(update);
    };
    source.onerror = () => {
      if (source?.readyState === EventSource.CLOSED) shut();
    };
  };
  open();
  setInterval(() => {
    if (wanted() && (source?.readyState === EventSource.CLOSED || secondsSinceUpdate.value > STALE_SECONDS * 2)) {
      receivedAt.value = Math.max(receivedAt.value, performance.now() - STALE_SECONDS * 1500);
      open();
    }
  }, 3000);
  return open;
}
