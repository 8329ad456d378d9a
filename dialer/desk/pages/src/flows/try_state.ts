// A try-out of the text in the editor: the caller's entries, and the call that the desk plays with these entries.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, type Problem } from "../shared/server";
import type { TryOut } from "../shared/wire";
import { listenTo } from "./sounds";
import { source, spoken, text } from "./state";

/** Keys, "" for silence, null to hang up. */
export type Entry = string | null;

interface Call {
  source: string;
  text: string;
  language: string;
  facts: Record<string, string>;
  agent_available: boolean;
  store_works: boolean;
  entries: Entry[];
}

/** What the try-out assumes about the centre. */
export const agentAvailable = signal(true);
export const storeWorks = signal(true);
/** Values of facts that differ from the examples. */
export const facts = signal<Record<string, string>>({});
const call = signal<Call | null>(null);
export const tryOut = signal<TryOut | Problem | null>(null);
const isWaiting = signal(false);

/** Whether the text in the editor was changed after the call started. */
export const isOutdated = computed(() => call.value !== null && call.value.text !== text.value);

async function play(next: Call): Promise<void> {
  if (isWaiting.value) return;
  isWaiting.value = true;
  const before = next.entries.length && tryOut.value && !isProblem(tryOut.value) ? tryOut.value.lines.length : 0;
  const found = await ask<TryOut>("POST", "/api/flows/try", next);
  isWaiting.value = false;
  if (next.source !== source.value) return;
  call.value = next;
  tryOut.value = found;
  if (!isProblem(found)) listenTo(found.lines.slice(before).flatMap((each) => each.sounds));
}

/** Start a call with the text in the editor. */
export const startCall = (): Promise<void> =>
  play({
    source: source.value,
    text: text.value,
    language: spoken.value,
    facts: facts.value,
    agent_available: agentAvailable.value,
    store_works: storeWorks.value,
    entries: [],
  });

/** Enter something as the caller. */
export async function enterAsCaller(entry: Entry): Promise<void> {
  if (call.value) await play({ ...call.value, entries: [...call.value.entries, entry] });
}

/** Remove the call, such as when another flow is opened. */
export function clearCall(): void {
  call.value = null;
  tryOut.value = null;
  facts.value = {};
  listenTo([]);
}
