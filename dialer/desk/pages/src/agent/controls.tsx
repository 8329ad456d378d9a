// Controls of seat and call: ready, pause, hang up, hold, transfer, recording, log off.
import { Icon, type IconName } from "../shared/icons";
import { askQuestion, showNotice } from "../shared/parts";
import { type CodeOf, messageOf, t, word } from "../shared/words";
import { command } from "./entries";
import { beginSkip, dialPreview, shown } from "./manual_dialling";
import { Menu } from "./menu";
import { isUnsettled, refusalOf } from "./outcomes";
import { me, pop, seat, stateOf } from "./state";

/** Send a command for the seat and show its result. Commands of a call name the call on the screen. */
export async function give(name: string, values: Record<string, string | number> = {}): Promise<void> {
  const id = crypto.randomUUID();
  const attempt = OF_CALL.has(name) ? pop()?.attempt : undefined;
  const isThere = stateOf() === "talking" || (name === "seat-hang-up" && seat()?.dialling);
  if (OF_CALL.has(name) && !isThere) return showNotice(t("refused-no-call"), true);
  if (attempt && isUnsettled()) return showNotice(t("too-soon"), true);
  const given = attempt ? { ...values, attempt_id: attempt } : values;
  let reply = await command(id, name, given);
  if (!reply) reply = await command(id, name, given); // with the same id, so that it is executed once
  if (!reply) showNotice(t("seat-command-unanswered"), true);
  else if (reply.status === "refused") showNotice(refusalOf({ code: reply.code ?? null, text: reply.text }), true);
  else showNotice(messageOf(`done-${name}`));
}
const OF_CALL = new Set([
  "seat-hang-up",
  "seat-hold",
  "seat-resume",
  "seat-transfer",
  "seat-consult",
  "seat-closing",
  "seat-merge",
  "seat-complete-transfer",
]);

const logOff = () =>
  askQuestion({
    title: t("do-seat-log-off"),
    text: t("ask-log-off"),
    grave: true,
    onConfirm: () => void give("seat-log-off"),
  });

const BY_STAR: Record<string, () => void> = {
  "0": logOff,
  "1": () => (shown() ? dialPreview() : void give("seat-ready")),
  "3": () => (shown() ? beginSkip() : void give("seat-hang-up")),
  "4": () => void give("seat-hold"),
  "5": () => void give("seat-resume"),
  "6": () => void give("seat-pause-recording"),
  "7": () => void give("seat-resume-recording"),
  "8": () => void give("seat-closing"),
};

/** Handle digits after a star, as on the phone. Return whether more digits follow. */
export function star(typed: string): boolean {
  const pause = typed.startsWith("2") ? me.value?.pause_reasons[Number(typed[1]) - 1] : undefined;
  if (typed === "2") return true;
  if (pause) void give("seat-pause", { reason: pause });
  else if (BY_STAR[typed]) BY_STAR[typed]();
  else showNotice(t("unknown-key"), true);
  return false;
}

function Do({
  name,
  icon,
  keys,
  grave = false,
}: {
  name: CodeOf<"do">;
  icon?: IconName;
  keys?: string;
  grave?: boolean;
}) {
  return (
    <button type="button" class={grave ? "main grave" : undefined} onClick={() => void give(name)}>
      {icon && <Icon name={icon} />} {t(`do-${name}`)} {keys && <kbd>{keys}</kbd>}
    </button>
  );
}

export function SeatControls() {
  const state = stateOf();
  const reasons = me.value?.pause_reasons ?? [];
  return (
    <div class="row" role="group" aria-label={t("seat-controls")}>
      {["paused", "wrap-up"].includes(state) && (
        <button type="button" class="main" onClick={() => void give("seat-ready")}>
          <Icon name="resume" /> <span class="label">{t("do-seat-ready")}</span> <kbd>*1</kbd>
        </button>
      )}
      {state !== "paused" && state !== "offline" && (
        <Menu
          id="pause-menu"
          groups={[
            {
              label: t("do-seat-pause"),
              options: reasons.map((reason, index) => [
                reason,
                word("pause", reason),
                index < 9 ? `*2${index + 1}` : undefined,
              ]),
              choose: (reason) => void give("seat-pause", { reason }),
            },
          ]}
        >
          <Icon name="hold" /> <span class="label">{t("do-seat-pause")}</span>
        </Menu>
      )}
      <button type="button" onClick={logOff}>
        <Icon name="logOff" /> <span class="label">{t("do-seat-log-off")}</span> <kbd>*0</kbd>
      </button>
    </div>
  );
}

/** Controls of the call, while agent and voter talk. */
export function CallControls() {
  const there = seat();
  const {
    transfer: help,
    recording,
    state,
    dialling,
  } = there ?? { transfer: null, recording: null, state: "", dialling: false };
  if (state !== "talking" && !dialling) return null;
  if (state !== "talking") return <Do name="seat-hang-up" icon="hangUp" keys="*3" grave />;
  const targets = (me.value?.transfer_targets ?? []).map(({ name }): [string, string] => [name, name]);
  const isAlone = help === null;
  return (
    <div class="row" role="group" aria-label={t("call-controls")}>
      <Do name="seat-hang-up" icon="hangUp" keys="*3" grave />
      {isAlone && <Do name="seat-hold" icon="hold" keys="*4" />}
      {help === "hold" && !there?.phone_on_hold && <Do name="seat-resume" keys="*5" />}
      {isAlone && targets.length > 0 && (
        <Menu
          id="transfer-menu"
          groups={[
            { label: t("do-seat-transfer"), options: targets, choose: (to) => void give("seat-transfer", { to }) },
            { label: t("do-seat-consult"), options: targets, choose: (to) => void give("seat-consult", { to }) },
          ]}
        >
          {t("do-seat-transfer")}
        </Menu>
      )}
      {help === "consult" && <Do name="seat-merge" />}
      {(help === "consult" || help === "three-way") && <Do name="seat-complete-transfer" />}
      {(help === "calling" || help === "consult" || help === "three-way") && <Do name="seat-cancel-consult" />}
      {recording === "on" && <Do name="seat-pause-recording" keys="*6" />}
      {recording === "paused" && <Do name="seat-resume-recording" keys="*7" />}
    </div>
  );
}
