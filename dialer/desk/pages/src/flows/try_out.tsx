// The try-out of a flow: the user is the caller, who hears prompts and presses keys. Nothing is saved.
import { useEffect, useRef, useState } from "preact/hooks";
import { Alert, problemText, Section, submittedForm } from "../shared/parts";
import { isProblem } from "../shared/server";
import type { FlowFact, TranscriptLine, TryOut } from "../shared/wire";
import { t, word } from "../shared/words";
import { isSoundOn, playSounds } from "./sounds";
import { check, spoken } from "./state";
import { agentAvailable, enterAsCaller, facts, isOutdated, startCall, storeWorks, tryOut } from "./try_state";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const SWITCHES = [
  ["try-agent", agentAvailable],
  ["try-store", storeWorks],
  ["try-sound", isSoundOn],
] as const;

function Facts({ given }: { given: FlowFact[] }) {
  return (
    <details>
      <summary>{t("try-facts")}</summary>
      <small>{t("try-facts-help")}</small>
      <div class="facts">
        {given.map(({ name, example }) => (
          <label key={name}>
            {name}
            <input
              autocomplete="off"
              dir="auto"
              maxLength={200}
              value={facts.value[name] ?? example}
              onInput={(event) => (facts.value = { ...facts.value, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
    </details>
  );
}

function Line({ kind, text, sounds }: TranscriptLine) {
  const isPrompt = kind === "prompt";
  return (
    <li class={kind}>
      <span class="unseen">{t(`line-${kind}`)}</span>
      {kind === "keys" || isPrompt || kind === "result" ? (
        <span lang={isPrompt ? spoken.value : "en"} dir="auto">
          {text}
        </span>
      ) : (
        <span aria-hidden="true">{t(`line-${kind}`)}</span>
      )}
      {sounds.length > 0 && (
        <button type="button" class="more" aria-label={t("try-play", { text })} onClick={() => playSounds(sounds)}>
          <span aria-hidden="true">▶</span>
        </button>
      )}
    </li>
  );
}

/** What the caller can do at a question: press keys or none, leave a message, hang up. */
function Caller({ digits, terminator }: { digits: number; terminator: string }) {
  const [keys, setKeys] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus({ preventScroll: true }), []);
  const enter = (entry: string | null) => {
    setKeys("");
    void enterAsCaller(entry);
    input.current?.focus({ preventScroll: true });
  };
  const press = (key: string) => (digits === 1 && !terminator ? enter(key) : setKeys(keys + key));
  const send = (event: Event) => {
    submittedForm(event);
    enter(digits ? keys : "1");
  };
  return (
    <form class="caller" onSubmit={send}>
      {digits > 0 && (
        <label>
          {t("try-keys", { digits, end: terminator || "none" })}
          <input
            ref={input}
            class="keys"
            inputMode="tel"
            autocomplete="off"
            pattern="[0-9*#]*"
            maxLength={40}
            value={keys}
            onInput={(event) => setKeys(event.currentTarget.value)}
          />
        </label>
      )}
      {digits > 0 && (
        <div class="keypad">
          {KEYS.map((key) => (
            <button type="button" key={key} onClick={() => press(key)}>
              {key}
            </button>
          ))}
        </div>
      )}
      <div class="row">
        <button type="submit" class="main">
          {t(digits ? "try-send" : "try-message")}
        </button>
        <button type="button" onClick={() => enter("")}>
          {t("try-silence")}
        </button>
        <button type="button" onClick={() => enter(null)}>
          {t("try-hang-up")}
        </button>
      </div>
    </form>
  );
}

function Ended({ ending, node, answers }: TryOut) {
  const named = Object.entries(answers);
  return (
    <div class="ended">
      <p>
        <strong>{word("ending", ending ?? "")}</strong> ({node})
      </p>
      <p>{t(named.length ? "try-answers" : "try-no-answers")}</p>
      <dl class="pairs">
        {named.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Call({ found }: { found: TryOut }) {
  const transcript = useRef<HTMLDivElement>(null);
  useEffect(() => transcript.current?.scrollTo(0, transcript.current.scrollHeight), [found]);
  return (
    <>
      <div class="transcript" ref={transcript} role="log" aria-label={t("try-transcript")} tabIndex={0}>
        <ol>
          {found.lines.map((line, place) => (
            <Line key={place} {...line} />
          ))}
        </ol>
      </div>
      {found.expected ? (
        <Caller digits={found.expected.max_digits} terminator={found.expected.terminator} />
      ) : (
        <Ended {...found} />
      )}
    </>
  );
}

export function TryPanel() {
  const [checked, call] = [check.value, tryOut.value];
  const given = checked && !isProblem(checked) ? checked.facts : [];
  const hasEnded = call !== null && !isProblem(call) && !call.expected;
  const start = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (hasEnded) start.current?.focus({ preventScroll: true });
  }, [hasEnded]);
  return (
    <Section id="try" title={t("try")}>
      <small>{t("try-help")}</small>
      <div class="row">
        {SWITCHES.map(([id, state]) => (
          <label key={id} class="tick">
            <input
              type="checkbox"
              checked={state.value}
              onChange={(event) => (state.value = event.currentTarget.checked)}
            />
            {t(id)}
          </label>
        ))}
      </div>
      {given.length > 0 && <Facts given={given} />}
      {call && isProblem(call) && <Alert text={problemText(call)} />}
      {call && !isProblem(call) && <Call found={call} />}
      {call && isOutdated.value && <p class="warnings">{t("try-outdated")}</p>}
      <div class="row">
        <button
          type="button"
          ref={start}
          class={!call || hasEnded ? "main" : ""}
          disabled={!checked || isProblem(checked) || !checked.diagram}
          onClick={() => void startCall()}
        >
          {t(call ? "try-again" : "try-start")}
        </button>
      </div>
    </Section>
  );
}
