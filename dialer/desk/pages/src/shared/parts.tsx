// Parts that every page has: the choice of language, a question before a deed, and what became of it.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { choose, language, languages, nameOf, t } from "./words";

export function LanguageChoice() {
  return (
    <select aria-label={t("language")} value={language.value} onChange={(event) => void choose(event.currentTarget.value, true)}>
      {languages.map((code) => (
        <option key={code} value={code} lang={code}>
          {nameOf(code)}
        </option>
      ))}
    </select>
  );
}

// What became of a deed: one line at the foot, read out, gone after a while.

interface Line {
  text: string;
  bad: boolean;
}
const said = signal<Line | null>(null);
let fading = 0;

export function say(text: string, bad = false): void {
  said.value = { text, bad };
  clearTimeout(fading);
  fading = window.setTimeout(() => (said.value = null), bad ? 12000 : 6000);
}

export function Said() {
  return (
    <div class={said.value ? (said.value.bad ? "said bad" : "said") : "unseen"} role="status">
      {said.value?.text}
    </div>
  );
}

// A question before a deed.

interface Question {
  title: string;
  text: string;
  yes: string;
  grave: boolean;
  choices?: { label: string; options: [string, string][] };
  /** A line to be written, of at most so many letters. */
  line?: { label: string; most: number };
  then: (chosen: string) => void;
}
const asked = signal<Question | null>(null);

export function question(asking: Question): void {
  asked.value = asking;
}

export function Asked() {
  const box = useRef<HTMLDialogElement>(null);
  const [chosen, setChosen] = useState("");
  const current = asked.value;
  useEffect(() => {
    if (!current) return;
    setChosen(current.choices?.options[0]?.[0] ?? "");
    box.current?.showModal();
  }, [current]);
  if (!current) return null;
  const close = () => (asked.value = null);
  const isWritten = !current.line || chosen.trim() !== "";
  const yes = () => {
    close();
    current.then(chosen);
  };
  return (
    <dialog ref={box} onClose={close} aria-labelledby="asked-title">
      <form method="dialog">
        <h2 id="asked-title">{current.title}</h2>
        <p>{current.text}</p>
        {current.choices && (
          <label>
            {current.choices.label}
            <select value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
              {current.choices.options.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
        {current.line && (
          <label>
            {current.line.label}
            <input
              value={chosen}
              maxLength={current.line.most}
              autocomplete="off"
              dir="auto"
              onInput={(event) => setChosen(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter") return;
                event.preventDefault(); // else it would be the first button: no
                if (isWritten) yes();
              }}
            />
          </label>
        )}
        <div class="row end">
          <button value="no">{t("cancel")}</button>
          <button
            value="yes"
            class={current.grave ? "main grave" : "main"}
            disabled={!isWritten}
            onClick={yes}
          >
            {current.yes}
          </button>
        </div>
      </form>
    </dialog>
  );
}

export function Section({ id, title, children, aside }: { id: string; title: string; children: ComponentChildren; aside?: ComponentChildren }) {
  return (
    <section class="panel" aria-labelledby={`${id}-title`}>
      <div class="row between">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
