// Sample data for the page of components, delivered as the desk delivers it.
import type { ComponentChildren } from "preact";
import { Section } from "../shared/parts";
import { subscribeEvents } from "../shared/server";
import { zone } from "../shared/words";

/** 23 April 2026, 10:40 in Pune. */
export const AT = 1_776_921_000;
zone.value = "Asia/Kolkata";

/** Show this page state. */
export function show(values: Record<string, unknown>): void {
  class Stream {
    onmessage: ((event: { data: string }) => void) | null = null;
    constructor() {
      const update = { number: 0, at: AT, values, removed: [] };
      queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(update) }));
    }
  }
  Object.assign(globalThis, { EventSource: Stream });
  subscribeEvents(
    () => "",
    () => false,
    () => undefined,
  );
}

/** One kind of component. */
export const Kind = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <Section id={name.replaceAll(" ", "-")} title={name}>
    {children}
  </Section>
);
