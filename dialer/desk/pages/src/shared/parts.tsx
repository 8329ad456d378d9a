// Parts of every page: the choice of language, the question before an action, and the notice of its result.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "./server";
import type { PageText } from "./wire";
import {
  choose,
  isTranslated,
  language,
  languages,
  messageOf,
  nameOf,
  type PlainMessageId,
  serverText,
  t,
} from "./words";

/** Return the text of a refused request. */
export const problemText = (refused: Problem) =>
  messageOf(`problem-${refused.problem}`, {
    seconds: refused.seconds ?? 0,
    text: serverText(refused.text ?? ""),
  });

/** Shows a text of the server in the page's language, or in English if it has no translation. */
export function ServerText({ text }: { text: PageText }) {
  return <span lang={isTranslated(text) ? undefined : "en"}>{serverText(text)}</span>;
}

/** Return the submitted form and keep the browser from leaving the page. */
export function submittedForm(event: Event): HTMLFormElement {
  event.preventDefault();
  return event.currentTarget as HTMLFormElement;
}

/** Shows why a form was refused. Screen readers announce it. */
export function Alert({ text }: { text: string }) {
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}

/** A select field of a form. */
export function Choice({ name, label, options }: { name: string; label: string; options: [string, string][] }) {
  return (
    <label>
      {label}
      <select name={name}>
        {options.map(([chosen, shown]) => (
          <option key={chosen} value={chosen}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
}

export function LanguageChoice() {
  return (
    <select
      class="language"
      aria-label={t("language")}
      value={language.value}
      onChange={(event) => void choose(event.currentTarget.value, true)}
    >
      {languages.map((code) => (
        <option key={code} value={code} lang={code}>
          {nameOf(code)}
        </option>
      ))}
    </select>
  );
}

// The notice of an action's result: one line at the foot that screen readers announce and that disappears after a while.

interface Line {
  text: string;
  bad: boolean;
}
const said = signal<Line | null>(null);
let fading = 0;

export function showNotice(text: string, bad = false): void {
  said.value = { text, bad };
  clearTimeout(fading);
  fading = window.setTimeout(() => (said.value = null), bad ? 12000 : 6000);
}

export function Notice() {
  return (
    <div class={said.value ? (said.value.bad ? "said bad" : "said") : "unseen"} role="status">
      {said.value?.text}
    </div>
  );
}

// The question before an action.

interface Question {
  title: string;
  text: string;
  yes?: string; // the title by default
  grave?: boolean;
  choices?: { label: string; options: [string, string][] };
  /** A text field with a maximum number of characters. By default its text must not be blank. */
  line?: { label: string; most: number; initial?: string; isValid?: (text: string) => boolean };
  onConfirm: (chosen: string) => void;
}
const asked = signal<Question | null>(null);

export function askQuestion(asking: Question): void {
  asked.value = asking;
}

export function QuestionDialog() {
  const box = useRef<HTMLDialogElement>(null);
  const [chosen, setChosen] = useState("");
  const current = asked.value;
  useEffect(() => {
    if (!current) return;
    setChosen(current.choices?.options[0]?.[0] ?? current.line?.initial ?? "");
    box.current?.showModal();
  }, [current]);
  if (!current) return null;
  const close = () => (asked.value = null);
  const isWritten = !current.line || (current.line.isValid?.(chosen) ?? chosen.trim() !== "");
  const yes = () => {
    close();
    current.onConfirm(chosen);
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
                event.preventDefault(); // otherwise Enter would press the first button, Cancel
                if (isWritten) yes();
              }}
            />
          </label>
        )}
        <div class="row end">
          <button type="submit" value="no">
            {t("cancel")}
          </button>
          <button
            type="submit"
            value="yes"
            class={current.grave ? "main grave" : "main"}
            disabled={!isWritten}
            onClick={yes}
          >
            {current.yes ?? current.title}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface Columns {
  of: string; // id of the section
  names: PlainMessageId[];
  right?: (place: number, name: string) => boolean; // columns of figures
  unseen?: PlainMessageId; // of a last column with buttons
  children: ComponentChildren;
}
/** The table of a section. Its children are the rows. */
export function Table({ of, names, right, unseen, children }: Columns) {
  return (
    <div class="scrolls" tabIndex={0} role="group" aria-labelledby={`${of}-title`}>
      <table>
        <thead>
          <tr>
            {names.map((name, place) => (
              <th key={name} scope="col" class={right?.(place, name) ? "right" : ""}>
                {t(name)}
              </th>
            ))}
            {unseen && (
              <th scope="col">
                <span class="unseen">{t(unseen)}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Section({
  id,
  title,
  children,
  aside,
}: {
  id: string;
  title: string;
  children: ComponentChildren;
  aside?: ComponentChildren;
}) {
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
