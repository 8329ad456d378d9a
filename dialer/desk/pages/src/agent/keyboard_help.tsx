// The keyboard help: what each key does. It opens with `?` and closes with Escape.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { messageOf, t } from "../shared/words";
import { me } from "./state";

/** The keys and phone codes of each shortcut: the same in every language. */
const SHORTCUTS: Record<string, string> = {
  digits: "0–9",
  letters: "A B … ↑ ↓",
  enter: "↵",
  preview: "↵ 0",
  plus: "+",
  slash: "/",
  undo: "⌫",
  help: "?",
  "star-ready": "*1",
  "star-pause": "*21 … *29",
  "star-hang-up": "*3",
  "star-hold": "*4 *5",
  "star-recording": "*6 *7",
  "star-log-off": "*0",
};

const isOpen = signal(false);
export function openKeyboardHelp(): void {
  isOpen.value = true;
}

export function KeyboardHelp() {
  const box = useRef<HTMLDialogElement>(null);
  const shown = isOpen.value;
  useEffect(() => {
    if (shown) box.current?.showModal(); // the browser returns the focus when the dialog closes
  }, [shown]);
  if (!shown) return null;
  return (
    <dialog ref={box} class="keyboard-help" onClose={() => (isOpen.value = false)} aria-labelledby="keys-title">
      <form method="dialog">
        <div class="row between">
          <h2 id="keys-title">{t("keys")}</h2>
          <button type="submit">{t("close")}</button>
        </div>
        <p class="small">{t(me.value?.phone === "browser" ? "keys-help-browser" : "keys-help")}</p>
        <dl class="legend-keys">
          {Object.entries(SHORTCUTS).map(([name, keys]) => (
            <div key={name}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{messageOf(`key-${name}-does`)}</dd>
            </div>
          ))}
        </dl>
      </form>
    </dialog>
  );
}
