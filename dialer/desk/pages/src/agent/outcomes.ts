// Outcomes by key or button: the digits of the phone's keypad, for one voter of the household or for the number.
import { signal } from "@preact/signals";
import { showNotice } from "../shared/parts";
import { now } from "../shared/server";
import type { AgentScreenPop } from "../shared/wire";
import { messageOf, t } from "../shared/words";
import { change, chosenOf, draftOf, OUTCOMES, pendingOf, recentCall, type VoterOutcome } from "./drafts";
import {
  closing,
  command,
  type Entry,
  entries,
  lastUndoable,
  NOT_UNDOABLE,
  recordOutcome,
  sendNow,
  undo,
} from "./entries";
import { me, pop, seat, stateOf } from "./state";

/** Outcomes of one voter. The others apply to the number. */
const OF_VOTER = new Set(["voted", "not-yet", "later", "will-not"]);
export const MORE_OF_VOTER = ["moved", "deceased", "wrong-number"];
/** A key this soon after a new call was meant for the previous one. */
const SETTLE_MS = 700;
const LAST_SECONDS = 2;

/** A chosen outcome that still needs an hour or a language. */
export const pendingDetail = signal<{
  attempt: string;
  outcome: "later" | "call-back" | "own-call-back" | "language";
  typed: string;
} | null>(null);
/** The previous call whose outcome was undone and which the next key corrects. */
export const correcting = signal<AgentScreenPop | null>(null);

let shown = "";
let shownAt = -Infinity;
/** Note that another call is shown: keys pressed now may be meant for the previous one. */
export function noteShownCall(attempt: string): void {
  if (attempt === shown) return;
  shown = attempt;
  shownAt = performance.now();
  if (pendingDetail.value?.attempt !== attempt) pendingDetail.value = null;
}

/** Return whether the call has only just appeared. */
export const isUnsettled = () => performance.now() - shownAt < SETTLE_MS;

/** Return the call to which keys and buttons apply. */
export const current = (): AgentScreenPop | null => correcting.value ?? pop();

/** Return whether an outcome can be recorded for a call now. If not, show why. */
function canRecord(call: AgentScreenPop): boolean {
  if (call === correcting.value) return true;
  if (pop()?.attempt !== call.attempt) {
    showNotice(t("entry-late"), true);
    return false;
  }
  if (isUnsettled()) {
    showNotice(t("too-soon"), true);
    return false;
  }
  if (!["talking", "wrap-up"].includes(stateOf())) {
    showNotice(t("voter-not-connected"), true);
    return false;
  }
  return true;
}

/** Return whether the campaign accepts an outcome for a call. */
export const isOffered = (call: AgentScreenPop, outcome: string) => call.outcomes.some((each) => each === outcome);

/** Choose an outcome by key or button. */
export function choose(call: AgentScreenPop, outcome: string): void {
  if (!canRecord(call)) return;
  if (!isOffered(call, outcome)) return showNotice(t("outcome-not-offered"), true);
  pendingDetail.value = null;
  if (outcome === "later" && !hoursFor(call).length) showNotice(t("no-hours-left"), true);
  else if (outcome === "later") pendingDetail.value = { attempt: call.attempt, outcome, typed: "" };
  else if (outcome === "language") pendingDetail.value = { attempt: call.attempt, outcome, typed: "" };
  else if (OF_VOTER.has(outcome)) recordVoter(call, chosenOf(call), { mark: outcome });
  else finish(call, { disposition: outcome });
}

/** Begin a call-back at an hour, by any agent or by this one. */
export function callBackAt(call: AgentScreenPop, outcome: "call-back" | "own-call-back"): void {
  if (!canRecord(call)) return;
  if (!call.call_back_times) return showNotice(t("no-call-back-times"), true);
  pendingDetail.value = { attempt: call.attempt, outcome, typed: "" };
}

/** Record the outcome of one voter. When all pending voters have one, send them. */
export function recordVoter(call: AgentScreenPop, voter: number | null, message: VoterOutcome): void {
  if (!canRecord(call)) return;
  if (voter === null)
    return finish(call, { disposition: message.mark, ...(message.hour === undefined ? {} : { hour: message.hour }) });
  const draft = draftOf(call).value;
  change(call, { voters: { ...draft.voters, [voter]: message }, chosen: null, sent: false });
  if (pendingOf(call).every((each) => draftOf(call).value.voters[each.id])) finish(call, null);
  else closing(call.attempt);
}

/** Send the recorded outcomes although some voters have none. */
export function saveEntered(call: AgentScreenPop): void {
  if (entries.value.some((each) => each.attempt === call.attempt && each.state === "waiting"))
    return sendNow(call.attempt);
  const { voters, sent } = draftOf(call).value;
  if (!sent && Object.keys(voters).length && canRecord(call)) finish(call, null);
}

function finish(
  call: AgentScreenPop,
  ofNumber: {
    disposition: string;
    hour?: number;
    call_back_at?: number;
    own_call_back?: boolean;
    language?: string;
  } | null,
): void {
  const draft = draftOf(call).value;
  const pending = new Set(pendingOf(call).map((each) => each.id));
  const reports = Object.entries(draft.voters).filter(([voter]) => pending.has(Number(voter)));
  const own = call.addressed === null ? undefined : draft.voters[call.addressed];
  // The disposition is the addressed voter's mark. A voter without an outcome is called again and gets no mark.
  const whole =
    ofNumber ??
    (own && OF_VOTER.has(own.mark)
      ? { disposition: own.mark, ...(own.hour === undefined ? {} : { hour: own.hour }) }
      : { disposition: "call-back" });
  const values = {
    ...whole,
    ...(reports.length && !call.worker
      ? { voters: reports.map(([voter, message]) => ({ voter_id: Number(voter), ...message })) }
      : {}),
    ...(Object.keys(draft.answers).length ? { answers: draft.answers } : {}),
  };
  pendingDetail.value = null;
  change(call, { sent: true });
  recordOutcome(call.attempt, values, draft.note.trim(), NOT_UNDOABLE.has(whole.disposition));
  if (call === correcting.value) correcting.value = null;
}

// Hours

/** Return the hours for "later" and call-backs: from the next one to the close of poll or the end of the day. */
export function hoursFor(call: AgentScreenPop): number[] {
  const zone = me.value?.zone ?? "UTC";
  const hourOf = (at: number) =>
    Number(new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23", timeZone: zone }).format(at * 1000));
  const closes = call.booth?.closes_at ?? null;
  const first = hourOf(now.value) + 1;
  const last = closes !== null && closes > now.value && closes - now.value < 86400 ? hourOf(closes - 1) : 23;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** Return the hour that a single digit means if it is unambiguous: 4 is 16. */
export function hourOfDigit(call: AgentScreenPop, digit: string): number | null {
  const found = hoursFor(call).filter((hour) => String(hour).endsWith(digit));
  const begins = hoursFor(call).some((hour) => String(hour).padStart(2, "0").startsWith(digit));
  return found.length === 1 && !begins ? found[0]! : null;
}

/** Handle a digit of an hour: two digits as on the phone, or one that is unambiguous. */
function hourDigit(call: AgentScreenPop, digit: string): void {
  const pad = pendingDetail.value!;
  const typed = pad.typed + digit;
  const hour = typed.length === 2 ? Number(typed) : hourOfDigit(call, digit);
  if (hour !== null && hoursFor(call).includes(hour)) return giveHour(call, hour);
  if (typed.length === 1 && hoursFor(call).some((each) => String(each).padStart(2, "0").startsWith(digit))) {
    pendingDetail.value = { ...pad, typed };
    return;
  }
  pendingDetail.value = { ...pad, typed: "" };
  showNotice(t("invalid-hour"), true);
}

export function giveHour(call: AgentScreenPop, hour: number): void {
  const pad = pendingDetail.value;
  if (!pad || !canRecord(call)) return;
  pendingDetail.value = null;
  if (pad.outcome === "later") return recordVoter(call, chosenOf(call), { mark: "later", hour });
  const seconds = now.value;
  const zone = me.value?.zone ?? "UTC";
  const [h, m, s] = new Intl.DateTimeFormat("en", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZone: zone,
  })
    .format(seconds * 1000)
    .split(":")
    .map(Number) as [number, number, number];
  const at = Math.round(seconds) + (hour * 3600 - (h * 3600 + m * 60 + s));
  finish(call, {
    disposition: "call-back",
    call_back_at: at,
    ...(pad.outcome === "own-call-back" ? { own_call_back: true } : {}),
  });
}

/** The languages of voters, by their number of speakers. */
const SPOKEN = ["hi", "bn", "mr", "te", "ta", "gu", "ur", "kn", "or", "ml", "pa", "as", "en"];

/** Return the languages of voters that this agent does not speak. */
export function otherLanguages(call: AgentScreenPop): string[] {
  const common = new Set([call.language, ...(me.value?.languages ?? [])]);
  return SPOKEN.filter((each) => !common.has(each));
}

export function giveLanguage(call: AgentScreenPop, language: string | null): void {
  if (canRecord(call)) finish(call, { disposition: "language", ...(language ? { language } : {}) });
}

/** Handle a digit. */
export function digit(call: AgentScreenPop, key: string): void {
  if (!pendingDetail.value || pendingDetail.value.attempt !== call.attempt) return choose(call, OUTCOMES[key]!);
  if (pendingDetail.value.outcome !== "language") return hourDigit(call, key);
  const language = otherLanguages(call)[Number(key) - 1];
  if (language) giveLanguage(call, language);
  else showNotice(t("invalid-language"), true);
}

/** Return whether all outcomes are sent, so that the wrap-up may end. */
const isEverythingSaved = (call: AgentScreenPop) =>
  call === pop() &&
  stateOf() === "wrap-up" &&
  draftOf(call).value.sent &&
  !entries.value.some((each) => each.attempt === call.attempt && each.state === "waiting");

/** Handle Enter: complete a pending choice with its default, else send the recorded outcomes, else end the wrap-up. */
export function confirm(call: AgentScreenPop): void {
  const pad = pendingDetail.value;
  if (!pad || pad.attempt !== call.attempt)
    return isEverythingSaved(call) ? void command(crypto.randomUUID(), "seat-ready", {}) : saveEntered(call);
  const [next] = hoursFor(call);
  if (pad.outcome === "language") giveLanguage(call, null);
  else if (next !== undefined) giveHour(call, next);
}

/** Select the next or the previous voter of the household. */
export function step(call: AgentScreenPop, by: number): void {
  const pending = pendingOf(call);
  const at = pending.findIndex((voter) => voter.id === chosenOf(call));
  const next = pending[(at + by + pending.length) % pending.length];
  if (next) change(call, { chosen: next.id });
}

export async function undoEntry(entry: Entry): Promise<void> {
  const failed = await undo(entry);
  if (failed === "unanswered") showNotice(t("undo-unanswered"), true);
  else if (failed) showNotice(refusalOf(failed), true);
  else {
    const call = pop()?.attempt === entry.attempt ? pop() : recentCall(entry.attempt);
    if (call) change(call, { voters: {}, chosen: null, sent: false });
    if (pop()?.attempt !== entry.attempt) correcting.value = recentCall(entry.attempt);
    showNotice(t("undone"));
  }
}

export function undoLastEntry(): void {
  const entry = lastUndoable();
  if (entry) void undoEntry(entry);
  else showNotice(t("nothing-to-undo"), true);
}

/** Return the text of a refusal: the page's message for its code, or the dialler's text. */
export function refusalOf(refusal: { code: string | null; text: string }): string {
  const message = refusal.code === null ? "" : messageOf(`refused-${refusal.code}`);
  return message && message !== `refused-${refusal.code}` ? message : t("refused-by-dialler", { text: refusal.text });
}

/** Send recorded outcomes shortly before the wrap-up ends. */
export function saveBeforeWrapUpEnds(left: number): void {
  const call = pop();
  if (!call || seat()?.state !== "wrap-up" || left > LAST_SECONDS || correcting.value) return;
  saveEntered(call);
}
