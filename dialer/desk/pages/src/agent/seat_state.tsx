// The state of the seat, in the header and between calls.
import { now } from "../shared/server";
import type { SeatView } from "../shared/wire";
import { lasted, messageOf, t, word } from "../shared/words";
import { NextCallBack } from "./own_day";
import { me, signOut } from "./state";

/** The state of the seat and its duration, or the remaining wrap-up time. */
export function SeatStatus({ there }: { there: SeatView }) {
  const since = there.since ?? now.value;
  const most =
    there.state === "wrap-up" && there.campaign_id ? me.value?.wrap_up_seconds[there.campaign_id] : undefined;
  const left = most === undefined ? null : Math.max(0, most - (now.value - since));
  const more = [
    there.reason && word("pause", there.reason),
    there.transfer && word("help", there.transfer),
    there.phone_on_hold && t("phone-on-hold"),
    there.recording && word("recording", there.recording),
  ];
  return (
    <div class={`state-now ${there.state}`}>
      <strong>{stateIn(there)}</strong>
      <time>{left === null ? lasted(now.value - since) : t("time-left", { left: lasted(left) })}</time>
      {left !== null && most !== undefined && <progress max={most} value={left} aria-label={t("wrap-up-left")} />}
      <span>{more.filter(Boolean).join(" · ")}</span>
    </div>
  );
}

/** Return the state of a seat in words. */
export const stateIn = (there: SeatView) =>
  there.preview ? t("preview") : there.dialling ? t("dialling") : word("seat", there.state);

/** What an agent waits for between calls. `state` is empty while the seat's state is unknown. */
export function Waiting({ state }: { state: string }) {
  const isLostPhone = state === "lost" && me.value?.phone === "browser";
  return (
    <section class={`waiting ${state}`}>
      <h2>{isLostPhone ? t("idle-lost-browser") : messageOf(`idle-${state || "unknown"}`)}</h2>
      <NextCallBack />
      {state === "offline" && (
        <button type="button" class="main" onClick={() => void signOut()}>
          {t("sign-in")}
        </button>
      )}
    </section>
  );
}
