// Filters in the address, after the #: a reload and a link keep them, and no server or proxy sees them.
import { effect, type Signal, signal } from "@preact/signals";

const narrowed = new URLSearchParams(location.hash.slice(1));
window.addEventListener("hashchange", () => location.reload());

/** A filter of a page, "" = none. A value of this form is stored in the address after the #. */
export function narrowing(name: string, form: RegExp): Signal<string> {
  const given = narrowed.get(name) ?? "";
  const narrow = signal(form.test(given) ? given : "");
  effect(() => {
    if (form.test(narrow.value)) narrowed.set(name, narrow.value);
    else narrowed.delete(name);
    history.replaceState(null, "", location.pathname + location.search + (narrowed.size ? `#${narrowed}` : ""));
  });
  return narrow;
}
