// The script as pages: texts filled with the voter's data, and answers that lead to the next page and are saved.
import { useEffect } from "preact/hooks";
import { Section } from "../shared/parts";
import type { AgentScreenPop, TranslatedScript } from "../shared/wire";
import { hour, t } from "../shared/words";
import { change, draftOf, nameOf, readable } from "./drafts";
import { closing } from "./entries";
import { me, stateOf } from "./state";

/** Return the values for the braces in a text; undefined = unknown for this call. */
function valuesOf(call: AgentScreenPop): Record<string, string | undefined> {
  const voter = call.voters.find((each) => each.id === call.addressed);
  const { booth } = call;
  return {
    voter: voter && nameOf(voter),
    relative: voter?.relative ?? undefined,
    house: voter?.house ?? undefined,
    serial: voter?.serial?.toString(),
    part: booth?.part.toString(),
    booth: booth ? readable(booth.name, booth.name_local) : undefined,
    constituency: booth?.constituency,
    opens: booth?.opens_at ? hour(booth.opens_at) : undefined,
    closes: booth?.closes_at ? hour(booth.closes_at) : undefined,
    agent: me.value?.agent,
    centre: me.value?.sponsor ?? me.value?.centre,
  };
}

/** The lines of a text with their values. A line with an unknown value is left out. */
function Filled({ text, values }: { text: string; values: Record<string, string | undefined> }) {
  const lines = text
    .split("\n")
    .filter((line) => line.trim() && [...line.matchAll(/\{(\w+)\}/g)].every(([, name]) => values[name!]));
  return (
    <>
      {lines.map((line, index) => (
        <p key={index}>
          {line.split(/\{(\w+)\}/).map((part, at) => (at % 2 ? <bdi key={at}>{values[part]}</bdi> : part))}
        </p>
      ))}
    </>
  );
}

export function ScriptPages({ call, script }: { call: AgentScreenPop; script: TranslatedScript }) {
  const { path, answers } = draftOf(call).value;
  const name = path.at(-1) ?? script.start;
  const page = script.pages[name] ?? script.pages[script.start];
  useEffect(() => {
    if (page?.closing && stateOf() === "talking") closing(call.attempt);
  }, [call.attempt, name]);
  if (!page) return null;
  const go = (to: string | null, said: Record<string, string> = {}) =>
    change(call, {
      answers: { ...answers, ...said },
      ...(to ? { path: [...(path.length ? path : [script.start]), to] } : {}),
    });
  /** Return to the previous page and discard this page's answer, because the script may branch elsewhere. */
  const back = () => {
    const { [page.ask?.name ?? ""]: _, ...others } = answers;
    change(call, { answers: others, path: path.slice(0, -1) });
  };
  return (
    <Section
      id="script"
      title={t("script")}
      aside={
        path.length > 1 && (
          <button type="button" class="more" onClick={back}>
            ← {t("script-back")}
          </button>
        )
      }
    >
      <div class="script" lang={call.language} aria-live="polite">
        <Filled text={page.text} values={valuesOf(call)} />
      </div>
      {page.ask && (
        <div class="row" role="group" aria-label={t("answers")} lang={call.language}>
          {page.ask.answers.map(({ value, label, to }) => (
            <button
              type="button"
              key={value}
              aria-pressed={answers[page.ask!.name] === value}
              onClick={() => go(to ?? page.next, { [page.ask!.name]: value })}
            >
              {label}
            </button>
          ))}
        </div>
      )}
      {!page.ask && page.next && (
        <button type="button" class="main" onClick={() => go(page.next)}>
          {t("script-next")}
        </button>
      )}
    </Section>
  );
}
