// What a key or a button says of a call: the digits of the phone's keypad, of one voter of the household or of the number.
import { signal } from "@preact/signals";
import { say as tell } from "../shared/parts";
import { now } from "../shared/server";
import { t } from "../shared/words";
import { change, chosenOf, draftOf, pendingOf, whoWas, type Said } from "./drafts";
import { STANDS, closing, command, hurry, say, undo, undoable, words, type Word } from "./entries";
import { me, pop, seat, stateOf, type Pop } from "./state";

/** docs/how-to/seats.md, Keys. */
export const OUTCOMES: Record<string, string> = {
  "1": "voted",
  "2": "not-yet",
  "3": "later",
  "4": "will-not",
  "5": "wrong-number",
  "6": "call-back",
  "7": "language",
  "8": "refused",
  "9": "opt-out",
  "0": "machine",
};
/** Of a voter; the others are of the number. */
const OF_VOTER = new Set(["voted", "not-yet", "later", "will-not"]);
export const MORE_OF_VOTER = ["moved", "deceased", "wrong-number"];
/** A key so soon after another call came was meant for the one before. */
const SETTLE_MS = 700;
const LAST_SECONDS = 2;

/** An outcome that was begun and needs an hour or a language. */
export const begun = signal<{ attempt: string; outcome: "later" | "call-back" | "own-call-back" | "language"; typed: string } | null>(null);
/** The call of a moment ago whose word was taken back, and of which the next key speaks. */
export const correcting = signal<Pop | null>(null);

let shown = "";
let shownAt = -Infinity;
/** Another call is on the screen: what is pressed now may have been meant for the one before. */
export function settle(attempt: string): void {
  if (attempt === shown) return;
  shown = attempt;
  shownAt = performance.now();
  if (begun.value?.attempt !== attempt) begun.value = null;
}

/** A call has only just come: what is pressed now may be meant for the one before. */
export const isUnsettled = () => performance.now() - shownAt < SETTLE_MS;

/** The call that keys and buttons speak of. */
export const current = (): Pop | null => correcting.value ?? pop();

/** Whether something can be said of a call now; where not, it is told in words. */
function mayBeSaid(call: Pop): boolean {
  if (call === correcting.value) return true;
  if (pop()?.attempt !== call.attempt) {
    tell(t("entry-late"), true);
    return false;
  }
  if (isUnsettled()) {
    tell(t("too-soon"), true);
    return false;
  }
  if (!["talking", "wrap-up"].includes(stateOf())) {
    tell(t("voter-not-connected"), true);
    return false;
  }
  return true;
}

/** An outcome, by key or button. */
export function choose(call: Pop, outcome: string): void {
  if (!mayBeSaid(call)) return;
  begun.value = null;
  if (outcome === "later" && !hoursFor(call).length) tell(t("no-hours-left"), true);
  else if (outcome === "later") begun.value = { attempt: call.attempt, outcome, typed: "" };
  else if (outcome === "language") begun.value = { attempt: call.attempt, outcome, typed: "" };
  else if (OF_VOTER.has(outcome)) ofVoter(call, chosenOf(call), { mark: outcome });
  else finish(call, { disposition: outcome });
}

/** A call back at an hour that is still to be given: by anyone, or one's own. */
export function callBackAt(call: Pop, outcome: "call-back" | "own-call-back"): void {
  if (mayBeSaid(call)) begun.value = { attempt: call.attempt, outcome, typed: "" };
}

/** What is known of one voter of the household. When all are spoken of, it goes out. */
export function ofVoter(call: Pop, voter: number | null, said: Said): void {
  if (!mayBeSaid(call)) return;
  if (voter === null) return finish(call, { disposition: said.mark, ...(said.hour === undefined ? {} : { hour: said.hour }) });
  const draft = draftOf(call).value;
  change(call, { voters: { ...draft.voters, [voter]: said }, chosen: null, sent: false });
  if (pendingOf(call).every((each) => draftOf(call).value.voters[each.id])) finish(call, null);
  else closing(call.attempt);
}

/** Send what has been said of the household, though not all are spoken of. */
export function enough(call: Pop): void {
  if (words.value.some((each) => each.attempt === call.attempt && each.state === "waiting")) return hurry(call.attempt);
  const { voters, sent } = draftOf(call).value;
  if (!sent && Object.keys(voters).length && mayBeSaid(call)) finish(call, null);
}

function finish(call: Pop, ofNumber: { disposition: string; hour?: number; call_back_at?: number; own_call_back?: boolean; language?: string } | null): void {
  const draft = draftOf(call).value;
  const pending = new Set(pendingOf(call).map((each) => each.id));
  const reports = Object.entries(draft.voters).filter(([voter]) => pending.has(Number(voter)));
  const own = call.addressed === null ? undefined : draft.voters[call.addressed];
  // The disposition is a mark of whom the call addresses: who was not spoken of is called again, and has none.
  const whole = ofNumber ?? (own && OF_VOTER.has(own.mark) ? { disposition: own.mark, ...(own.hour === undefined ? {} : { hour: own.hour }) } : { disposition: "call-back" });
  const values = {
    ...whole,
    ...(reports.length && !call.worker ? { voters: reports.map(([voter, said]) => ({ voter: Number(voter), ...said })) } : {}),
    ...(Object.keys(draft.answers).length ? { answers: draft.answers } : {}),
  };
  begun.value = null;
  change(call, { sent: true });
  say(call.attempt, values, draft.note.trim(), STANDS.has(whole.disposition));
  if (call === correcting.value) correcting.value = null;
}

// Hours

/** The hours for which a voter may say "later", or ask for a call: from the next one to the close, or to the day's end. */
export function hoursFor(call: Pop): number[] {
  const zone = me.value?.zone ?? "UTC";
  const hourOf = (at: number) => Number(new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23", timeZone: zone }).format(at * 1000));
  const closes = call.booth?.closes_at ?? null;
  const first = hourOf(now.value) + 1;
  const last = closes !== null && closes > now.value && closes - now.value < 86400 ? hourOf(closes - 1) : 23;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** The hour that a digit means by itself, as far as it can be no other: 4 is 16. */
export function hourOfDigit(call: Pop, digit: string): number | null {
  const found = hoursFor(call).filter((hour) => String(hour).endsWith(digit));
  const begins = hoursFor(call).some((hour) => String(hour).padStart(2, "0").startsWith(digit));
  return found.length === 1 && !begins ? found[0]! : null;
}

/** A digit where an hour is awaited: both digits as on the phone, or one that can mean no other hour. */
function hourDigit(call: Pop, digit: string): void {
  const pad = begun.value!;
  const typed = pad.typed + digit;
  const hour = typed.length === 2 ? Number(typed) : hourOfDigit(call, digit);
  if (hour !== null && hoursFor(call).includes(hour)) return giveHour(call, hour);
  if (typed.length === 1 && hoursFor(call).some((each) => String(each).padStart(2, "0").startsWith(digit))) {
    begun.value = { ...pad, typed };
    return;
  }
  begun.value = { ...pad, typed: "" };
  tell(t("invalid-hour"), true);
}

export function giveHour(call: Pop, hour: number): void {
  const pad = begun.value;
  if (!pad || !mayBeSaid(call)) return;
  begun.value = null;
  if (pad.outcome === "later") return ofVoter(call, chosenOf(call), { mark: "later", hour });
  const seconds = now.value;
  const zone = me.value?.zone ?? "UTC";
  const [h, m, s] = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone })
    .format(seconds * 1000)
    .split(":")
    .map(Number) as [number, number, number];
  const at = Math.round(seconds) + (hour * 3600 - (h * 3600 + m * 60 + s));
  finish(call, { disposition: "call-back", call_back_at: at, ...(pad.outcome === "own-call-back" ? { own_call_back: true } : {}) });
}

/** Those that voters are called in, by how many speak them. */
const SPOKEN = ["hi", "bn", "mr", "te", "ta", "gu", "ur", "kn", "or", "ml", "pa", "as", "en"];

/** What a voter may speak whom this agent cannot talk to. */
export function otherLanguages(call: Pop): string[] {
  const common = new Set([call.language, ...(me.value?.languages ?? [])]);
  return SPOKEN.filter((each) => !common.has(each));
}

export function giveLanguage(call: Pop, language: string | null): void {
  if (mayBeSaid(call)) finish(call, { disposition: "language", ...(language ? { language } : {}) });
}

/** A digit, wherever it is pressed. */
export function digit(call: Pop, key: string): void {
  if (!begun.value || begun.value.attempt !== call.attempt) return choose(call, OUTCOMES[key]!);
  if (begun.value.outcome !== "language") return hourDigit(call, key);
  const language = otherLanguages(call)[Number(key) - 1];
  if (language) giveLanguage(call, language);
  else tell(t("invalid-language"), true);
}

/** All was said during the talk: the wrap-up may end. */
const isSaid = (call: Pop) =>
  call === pop() && stateOf() === "wrap-up" && draftOf(call).value.sent && !words.value.some((each) => each.attempt === call.attempt && each.state === "waiting");

/** Enter: what is begun in its ordinary form, else what has been said so far; once all is said, the wrap-up's end. */
export function confirm(call: Pop): void {
  const pad = begun.value;
  if (!pad || pad.attempt !== call.attempt) return isSaid(call) ? void command(crypto.randomUUID(), "seat-ready", {}) : enough(call);
  const [next] = hoursFor(call);
  if (pad.outcome === "language") giveLanguage(call, null);
  else if (next !== undefined) giveHour(call, next);
}

/** The next voter of the household, or the one before. */
export function step(call: Pop, by: number): void {
  const pending = pendingOf(call);
  const at = pending.findIndex((voter) => voter.id === chosenOf(call));
  const next = pending[(at + by + pending.length) % pending.length];
  if (next) change(call, { chosen: next.id });
}

export async function takeBack(word: Word): Promise<void> {
  const failed = await undo(word);
  if (failed === "unanswered") tell(t("undo-unanswered"), true);
  else if (failed) tell(refusalOf(failed), true);
  else {
    const call = pop()?.attempt === word.attempt ? pop() : whoWas(word.attempt);
    if (call) change(call, { voters: {}, chosen: null, sent: false });
    if (pop()?.attempt !== word.attempt) correcting.value = whoWas(word.attempt);
    tell(t("undone"));
  }
}

export function takeBackLast(): void {
  const word = undoable();
  if (word) void takeBack(word);
  else tell(t("nothing-to-undo"), true);
}

/** Why something was refused: in this page's words where it has some. */
export function refusalOf(refusal: { word: string | null; text: string }): string {
  const said = refusal.word === null ? "" : t(`refused-${refusal.word}`);
  return said && said !== `refused-${refusal.word}` ? said : t("refused-by-dialler", { text: refusal.text });
}

/** At the wrap-up's end: what was begun and is not sent goes out. */
export function atTheEnd(left: number): void {
  const call = pop();
  if (!call || seat()?.state !== "wrap-up" || left > LAST_SECONDS || correcting.value) return;
  enough(call);
}
