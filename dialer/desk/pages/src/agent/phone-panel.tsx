// The agent's view of the phone in the page: its state, mute, and the choice of headset.
import { effect } from "@preact/signals";
import { useState } from "preact/hooks";
import { showNotice } from "../shared/parts";
import { has, t } from "../shared/words";
import {
  checkEcho,
  chosen,
  type Device,
  devices,
  level,
  muted,
  phone,
  startPhone,
  stopPhone,
  useMicrophone,
  useSpeaker,
} from "./phone";
import { me, place } from "./state";

const isBrowser = () => me.value?.phone === "browser";

// A page signed in at a seat with a browser phone is that phone.
effect(() => {
  const wanted = isBrowser() && place.value === "";
  if (wanted && phone.peek().state === "off") void startPhone();
  else if (!wanted && phone.peek().state !== "off") stopPhone();
});

const problemOf = (problem: string) =>
  has(`phone-problem-${problem}`)
    ? t(`phone-problem-${problem}`)
    : t(has(`problem-${problem}`) ? `problem-${problem}` : "phone-problem-other");

/** Shows what is wrong with the phone. */
export function PhoneTrouble() {
  const { state, problem } = phone.value;
  const told = !isBrowser() || !problem ? "" : problemOf(problem);
  return (
    <div role="alert" class={told ? (state === "on-call" ? "warn" : "stale") : "unseen"}>
      {told}{" "}
      {told && state === "refused" && (
        <button type="button" onClick={() => void startPhone()}>
          {t("phone-reconnect")}
        </button>
      )}
    </div>
  );
}

function Level() {
  return <meter min={0} max={1} value={level.value} aria-label={t("phone-level")} />;
}

function Choice({
  label,
  of,
  value,
  use,
}: {
  label: string;
  of: Device[];
  value: string;
  use: (id: string) => Promise<void>;
}) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => void use(event.currentTarget.value)}>
        <option value="">{t("phone-default-device")}</option>
        {of
          .filter((each) => each.id && each.id !== "default")
          .map((each) => (
            <option key={each.id} value={each.id}>
              {each.label || each.id.slice(0, 8)}
            </option>
          ))}
      </select>
    </label>
  );
}

/** The choice of microphone and loudspeaker, and a test of both. */
export function PhonePanel() {
  const [checking, setChecking] = useState(false);
  if (!isBrowser()) return null;
  const { state } = phone.value;
  const check = async () => {
    setChecking(true);
    try {
      await checkEcho();
      showNotice(t("phone-check-passed"));
    } catch (error) {
      const problem = error instanceof Error ? error.message : "";
      showNotice(problemOf(problem), true);
    }
    setChecking(false);
  };
  return (
    <>
      <button type="button" popovertarget="phone-panel" class={`phone ${state}`}>
        {t(`phone-state-${state}`)} <Level />
      </button>
      <button type="button" aria-pressed={muted.value} onClick={() => (muted.value = !muted.value)}>
        {t(muted.value ? "phone-muted" : "phone-mute")}
      </button>
      <div id="phone-panel" popover="auto" class="menu phone-panel">
        <h2>{t("phone")}</h2>
        <p>{t(`phone-state-${state}`)}</p>
        <p>
          {t("phone-level")} <Level />
        </p>
        <Choice
          label={t("phone-microphone")}
          of={devices.value.microphones}
          value={chosen.value.microphone}
          use={useMicrophone}
        />
        <Choice label={t("phone-speaker")} of={devices.value.speakers} value={chosen.value.speaker} use={useSpeaker} />
        <p class="small">{t("phone-check-help")}</p>
        <button type="button" disabled={checking} onClick={() => void check()}>
          {t(checking ? "phone-checking" : "phone-check")}
        </button>
        <button type="button" onClick={() => void startPhone()}>
          {t("phone-reconnect")}
        </button>
      </div>
    </>
  );
}
