// Calls that the agent dials: previews, and numbers of the list.
import { effect, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { problemText, Section, showNotice } from "../shared/parts";
import { ask, isProblem, now } from "../shared/server";
import type { AgentScreenPop } from "../shared/wire";
import { lasted, t } from "../shared/words";
import { give } from "./controls";
import { nameOf } from "./drafts";
import { isUnsettled, refusalOf } from "./outcomes";
import { me, pop, seat, stateOf } from "./state";
import { Text } from "./voter_panel";

/** Reasons to skip a call, in the order of their digits. */
const REASONS = ["hour", "language", "known", "entry", "other"] as const;
const MOST_RECENT = 5;

/** The attempt for which a reason to skip is being chosen. */
export const skipping = signal("");
/** The attempt that this page ended last. Its end is not announced. */
export let ended = "";

/** Return the call that is shown as a preview, or null. */
export const shown = () => (seat()?.preview ? pop() : null);

const isTooSoon = () => {
  if (isUnsettled()) showNotice(t("too-soon"), true);
  return isUnsettled();
};

export function dialPreview(): void {
  const call = shown();
  if (!call || isTooSoon()) return;
  skipping.value = "";
  void give("seat-preview-dial", { attempt_id: call.attempt });
}

export function beginSkip(): void {
  const call = shown();
  if (call && !isTooSoon()) skipping.value = call.attempt;
}

function skip(call: AgentScreenPop, reason: string): void {
  if (shown()?.attempt !== call.attempt) return showNotice(t("entry-late"), true);
  skipping.value = "";
  ended = call.attempt;
  void give("seat-preview-skip", { attempt_id: call.attempt, reason });
}

/** Handle a digit during a preview. */
export function pressPreviewDigit(call: AgentScreenPop, key: string): void {
  const reason = skipping.value === call.attempt ? REASONS[Number(key) - 1] : undefined;
  if (reason) skip(call, reason);
  else if (key === "0") beginSkip();
  else showNotice(t("voter-not-connected"), true);
}

/** The preview of a call: dial, or skip with a reason. */
export function Preview({ call }: { call: AgentScreenPop }) {
  const preview = seat()?.preview;
  if (!preview) return null;
  const left = Math.max(0, preview.until - now.value);
  return (
    <Section id="preview" title={t("preview")}>
      <div class="own preview">
        <p>{t("preview-help")}</p>
        <p class={preview.auto_dial || left < 30 ? "until near" : "until"}>
          {t(preview.auto_dial ? "preview-dials" : "preview-ends", { left: lasted(left) })}
        </p>
        <div class="keypad two">
          <button type="button" class="main" onClick={dialPreview}>
            <kbd>↵</kbd> {t("do-seat-preview-dial")}
          </button>
          <button type="button" aria-expanded={skipping.value === call.attempt} onClick={beginSkip}>
            <kbd>0</kbd> {t("do-seat-preview-skip")}
          </button>
        </div>
        {skipping.value === call.attempt && (
          <div class="detail" role="group" aria-label={t("skip-reason")}>
            <p>{t("skip-reason")}</p>
            <div class="row">
              {REASONS.map((reason, index) => (
                <button type="button" key={reason} onClick={() => skip(call, reason)}>
                  <kbd>{index + 1}</kbd> {t(`skip-${reason}`)}
                </button>
              ))}
              <button type="button" onClick={() => (skipping.value = "")}>
                <kbd>Esc</kbd> {t("cancel")}
              </button>
            </div>
          </div>
        )}
      </div>
    </Section>
  );
}

/** Shows that the voter's phone is being called. */
export function Dialling() {
  if (!seat()?.dialling) return null;
  return (
    <p class="dialling" role="status">
      {t("dialling")}
    </p>
  );
}

/** Calls shown on this page, the latest first. In memory only. */
const recent = signal<AgentScreenPop[]>([]);
effect(() => {
  const call = pop();
  if (!call?.phone) return;
  const others = recent.peek().filter((each) => each.phone !== call.phone);
  recent.value = [call, ...others].slice(0, MOST_RECENT);
});

/** Dials a typed number of the list, or a recent one. */
export function Manual() {
  const [number, setNumber] = useState("");
  const [busy, setBusy] = useState(false);
  const campaigns = me.value?.manual ?? [];
  if (!campaigns.length || !["ready", "paused"].includes(stateOf())) return null;
  const dial = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const answer = await ask<{ status: string; text: string; code: string | null }>("POST", "/api/agent/dial", {
      id: crypto.randomUUID(),
      number,
    });
    setBusy(false);
    if (isProblem(answer)) return showNotice(problemText(answer), true);
    if (answer.status === "unanswered") return showNotice(t("seat-command-unanswered"), true);
    if (answer.status === "refused") return showNotice(refusalOf(answer), true);
    setNumber("");
    showNotice(t("done-seat-dial"));
  };
  return (
    <Section id="manual" title={t("manual")}>
      <div class="own manual">
        <p class="small">{t("manual-help")}</p>
        <form class="row" onSubmit={(event) => void dial(event)}>
          <label>
            {t("manual-number")}
            <input
              type="tel"
              autocomplete="off"
              maxLength={40}
              required
              value={number}
              onInput={(event) => setNumber(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="main" disabled={busy}>
            {t("do-seat-dial")}
          </button>
        </form>
        {recent.value.length > 0 && <h3>{t("manual-recent")}</h3>}
        <ul class="recent">
          {recent.value.map((call) => {
            const voter = call.voters.find((each) => each.id === call.addressed);
            const campaign = campaigns.includes(call.campaign) ? call.campaign : campaigns[0]!;
            return (
              <li key={call.phone} class="row between">
                <span>
                  {voter && <Text text={nameOf(voter)} />} <span class="id">{call.masked}</span>
                </span>
                <button
                  type="button"
                  onClick={() => void give("seat-dial", { campaign_id: campaign, phone_id: call.phone! })}
                >
                  {t("do-seat-dial")}
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </Section>
  );
}
