// Where an agent records the outcome of a call and sees whether it is saved.

import { Section } from "../shared/parts";
import type { AgentScreenPop } from "../shared/wire";
import { hour as clockHour, language, nameOf as nameOfLanguage, t, word } from "../shared/words";
import { change, chosenOf, draftOf, nameOf, OUTCOMES, pendingOf, recentCall } from "./drafts";
import { canBeUndone, drop, type Entry, entries, sendNow, undoMs } from "./entries";
import { noteStates, queueNote, sendNotes } from "./notes";
import {
  callBackAt,
  choose,
  correcting,
  giveHour,
  giveLanguage,
  hourOfDigit,
  hoursFor,
  isOffered,
  otherLanguages,
  pendingDetail,
  refusalOf,
  saveEntered,
  undoEntry,
} from "./outcomes";
import { stateOf } from "./state";
import { Household, isolated, Text } from "./voter_panel";

const MOST_NOTE = 2000;

const nameOfCall = (call: AgentScreenPop): string => {
  const voter = call.voters.find((each) => each.id === call.addressed);
  return voter ? isolated(nameOf(voter)) : call.masked;
};

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** The hours or languages to choose for a pending outcome. */
function Begun({ call }: { call: AgentScreenPop }) {
  const pad = pendingDetail.value;
  if (!pad || pad.attempt !== call.attempt) return null;
  const keyOf = (hour: number) => {
    const single = String(hour % 10);
    return hourOfDigit(call, single) === hour ? single : String(hour).padStart(2, "0");
  };
  return (
    <div class="detail" role="group" aria-label={t(`detail-${pad.outcome}`)}>
      <p>
        {t(`detail-${pad.outcome}`)} {pad.typed && <kbd>{pad.typed}_</kbd>}
      </p>
      <div class="row">
        {pad.outcome === "language"
          ? otherLanguages(call).map((code, index) => (
              <button type="button" key={code} onClick={() => giveLanguage(call, code)}>
                {index < 9 && <kbd>{index + 1}</kbd>}{" "}
                {new Intl.DisplayNames([language.value], { type: "language" }).of(code) ?? nameOfLanguage(code)}
              </button>
            ))
          : hoursFor(call).map((hour, index) => (
              <button type="button" key={hour} onClick={() => giveHour(call, hour)}>
                <kbd>{index ? keyOf(hour) : "↵"}</kbd> {hour}:00
              </button>
            ))}
        {pad.outcome === "language" && (
          <button type="button" onClick={() => giveLanguage(call, null)}>
            <kbd>↵</kbd> {t("language-unknown")}
          </button>
        )}
        <button type="button" onClick={() => (pendingDetail.value = null)}>
          <kbd>Esc</kbd> {t("cancel")}
        </button>
      </div>
    </div>
  );
}

function Keypad({ call }: { call: AgentScreenPop }) {
  const off = call !== correcting.value && !["talking", "wrap-up"].includes(stateOf());
  // An outcome that is not offered leaves its place empty: the others lie as on the phone's keypad.
  const key = (digit: string) =>
    !isOffered(call, OUTCOMES[digit]!) ? (
      <span key={digit} />
    ) : (
      <button
        type="button"
        key={digit}
        class={`outcome ${OUTCOMES[digit]}`}
        disabled={off}
        onClick={() => choose(call, OUTCOMES[digit]!)}
      >
        <kbd>{digit}</kbd> {word("outcome", OUTCOMES[digit]!)}
      </button>
    );
  const at = (outcome: "call-back" | "own-call-back", sign: string) =>
    !call.call_back_times ? (
      <span />
    ) : (
      <button type="button" disabled={off} onClick={() => callBackAt(call, outcome)}>
        <kbd>{sign}</kbd> {t(`${outcome}-at`)}
      </button>
    );
  return (
    <div class="keypad" role="group" aria-label={t("outcome")}>
      {KEYS.map(key)}
      {at("call-back", "+")}
      {key("0")}
      {at("own-call-back", "/")}
    </div>
  );
}

/** The keypad. A pending choice takes its place, so that nothing below it moves. */
const Pad = ({ call }: { call: AgentScreenPop }) => (
  <div class="pad">
    <Keypad call={call} />
    <Begun call={call} />
  </div>
);

/** Change the note. If the outcome was already sent, the note is sent after it. */
function write(call: AgentScreenPop, note: string): void {
  change(call, { note });
  if (draftOf(call).value.sent) queueNote(call.attempt, note.trim());
}

/** The outcome of a call: the selected voter, the keypad, and a pending choice of hour or language. */
export function Saying({ call }: { call: AgentScreenPop }) {
  const pending = pendingOf(call);
  const draft = draftOf(call).value;
  const chosen = pending.length > 1 ? pending.find((each) => each.id === chosenOf(call)) : undefined;
  const spoken = pending.filter((each) => draft.voters[each.id]).length;
  return (
    <Section id="saying" title={t("outcome")}>
      {chosen && (
        <div class="row between next">
          <span>
            {t("next-key-for")}: <Text text={nameOf(chosen)} /> (
            {t("outcomes-entered", { spoken, voters: pending.length })})
          </span>
          {spoken > 0 && !draft.sent && (
            <button type="button" onClick={() => saveEntered(call)}>
              <kbd>↵</kbd> {t("save-entered")}
            </button>
          )}
        </div>
      )}
      <Pad call={call} />
    </Section>
  );
}

export function NoteField({ call }: { call: AgentScreenPop }) {
  const draft = draftOf(call).value;
  const note = noteStates.value[call.attempt];
  return (
    <div class="panel note">
      <label>
        {t("note")}
        <textarea
          rows={2}
          maxLength={MOST_NOTE}
          value={draft.note}
          onInput={(event) => write(call, event.currentTarget.value)}
          onBlur={() => draft.sent && void sendNotes()}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
      </label>
      {draft.sent && note && <p class="small">{t(`note-${note}`)}</p>}
    </div>
  );
}

/** The correction of the previous call's outcome after an undo. */
export function Correcting() {
  const call = correcting.value;
  if (!call) return null;
  return (
    <section class="correcting" aria-labelledby="correcting-title">
      <h2 id="correcting-title">{t("correcting", { name: nameOfCall(call) })}</h2>
      <div class="columns">
        {call.voters.length > 1 && (
          <div>
            <Household call={call} />
          </div>
        )}
        <div>
          <Pad call={call} />
          <button type="button" onClick={() => (correcting.value = null)}>
            <kbd>Esc</kbd> {t("keep-outcome")}
          </button>
        </div>
      </div>
    </section>
  );
}

function outcomeOf(entry: Entry): string {
  const {
    disposition,
    hour,
    call_back_at: at,
    own_call_back: own,
  } = entry.values as { disposition: string; hour?: number; call_back_at?: number; own_call_back?: boolean };
  const more = hour !== undefined ? t("at-hour", { hour }) : at !== undefined ? clockHour(at) : "";
  return [own ? t("own-call-back") : word("outcome", disposition), more].filter(Boolean).join(" ");
}

function EntryLine({ entry }: { entry: Entry }) {
  const isNoteLost = entry.state === "saved" && entry.isNoteLost;
  const isBad = entry.state === "retrying" || entry.state === "refused" || isNoteLost;
  const canUndo = canBeUndone(entry);
  return (
    <li class={`entry ${entry.state}`}>
      <span>
        {nameOfCall(recentCall(entry.attempt)) || t("previous-call")}: <strong>{outcomeOf(entry)}</strong> —{" "}
        {t(isNoteLost ? "entry-saved-without-note" : `entry-${entry.state}`)}
        {entry.refusal && `: ${refusalOf(entry.refusal)}`}
      </span>
      <span class="row">
        {canUndo && (
          <button type="button" onClick={() => void undoEntry(entry)}>
            {t("undo")} <kbd>⌫</kbd>
          </button>
        )}
        {entry.state === "waiting" && (
          <button type="button" onClick={() => sendNow(entry.attempt)}>
            {t("save-now")} <kbd>↵</kbd>
          </button>
        )}
        {(entry.state === "refused" || isNoteLost) && (
          <button type="button" onClick={() => drop(entry.id)}>
            {t("dismiss")}
          </button>
        )}
      </span>
      {canUndo && <i class="time-left" aria-hidden="true" style={{ animationDuration: `${undoMs()}ms` }} />}
      {isBad && <span class="unseen">!</span>}
    </li>
  );
}

/** The entered outcomes, until they are saved and can no longer be undone. */
export function Words() {
  return (
    <ul class={entries.value.length ? "entries" : "unseen"} aria-live="polite" aria-label={t("entries")}>
      {entries.value.map((each) => (
        <EntryLine key={`${each.id}${each.state}`} entry={each} />
      ))}
    </ul>
  );
}
