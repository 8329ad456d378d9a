// The agent's view of the phone in the page: its state, mute, and the choice of headset.
import { effect } from "@preact/signals";
import { useState } from "preact/hooks";
import { Icon } from "../shared/icons";
import { showNotice } from "../shared/parts";
import { has, messageOf, milliseconds, percent, t } from "../shared/words";
import { chooseTone, TONE_NAMES, tone } from "./arrival_tone";
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
  voterLevel,
} from "./phone";
import { quality } from "./phone_quality";
import { me, place, stateOf } from "./state";

const isBrowser = () => me.value?.phone === "browser";

// A page signed in at a seat with a browser phone is that phone.
effect(() => {
  const wanted = isBrowser() && place.value === "";
  if (wanted && phone.peek().state === "off") void startPhone();
  else if (!wanted && phone.peek().state !== "off") stopPhone();
});

const problemOf = (problem: string) =>
  has(`phone-problem-${problem}`)
    ? messageOf(`phone-problem-${problem}`)
    : messageOf(has(`problem-${problem}`) ? `problem-${problem}` : "phone-problem-other");

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

const Level = () => <meter min={0} max={1} value={level.value} aria-label={t("phone-level")} />;
const VoterLevel = () => <meter min={0} max={1} value={voterLevel.value} aria-label={t("phone-voter-level")} />;

/** Shows during a conversation that the connection is unstable or poor, and what to do. */
export function ConnectionTrouble() {
  const found = quality.value?.level;
  const told = stateOf() === "talking" && (found === "unstable" || found === "poor") ? found : null;
  return (
    <div role="status" class={told ? `connection ${told}` : "unseen"}>
      {told && (
        <>
          <b>{t(`quality-${told}`)}.</b> {t(`quality-${told}-help`)}
        </>
      )}
    </div>
  );
}

/** The quality of the connection in words and in figures. */
function ConnectionQuality() {
  const found = quality.value;
  if (!found) return null;
  const { loss, jitter, roundTrip } = found;
  return (
    <div>
      <p>{t(`quality-${found.level}`)}</p>
      <p class="small">
        {t("quality-figures", {
          loss: percent(loss),
          jitter: milliseconds(jitter),
          trip: roundTrip === null ? "–" : milliseconds(roundTrip),
        })}
      </p>
    </div>
  );
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
  const changeSpeaker = async (id: string) => {
    if (!(await useSpeaker(id))) showNotice(t("phone-problem-speaker"), true);
  };
  return (
    <>
      <button type="button" popovertarget="phone-panel" class={`phone ${state}`} title={t(`phone-state-${state}`)}>
        <Icon name="phone" /> <span class="label">{t(`phone-state-${state}`)}</span>{" "}
        <span class="levels">
          <Level />
          <VoterLevel />
        </span>
      </button>
      <button
        type="button"
        class={muted.value ? "main grave" : undefined}
        aria-pressed={muted.value}
        title={t(muted.value ? "phone-muted" : "phone-mute")}
        onClick={() => (muted.value = !muted.value)}
      >
        <Icon name={muted.value ? "muted" : "microphone"} />{" "}
        <span class="label">{t(muted.value ? "phone-muted" : "phone-mute")}</span>
      </button>
      <div id="phone-panel" popover="auto" class="menu phone-panel">
        <h2>{t("phone")}</h2>
        <p>{t(`phone-state-${state}`)}</p>
        <ConnectionQuality />
        <p>
          {t("phone-level")} <Level />
        </p>
        <p>
          {t("phone-voter-level")} <VoterLevel />
        </p>
        <Choice
          label={t("phone-microphone")}
          of={devices.value.microphones}
          value={chosen.value.microphone}
          use={useMicrophone}
        />
        <Choice
          label={t("phone-speaker")}
          of={devices.value.speakers}
          value={chosen.value.speaker}
          use={changeSpeaker}
        />
        <label>
          {t("phone-tone")}
          <select
            value={tone.value}
            onChange={(event) => chooseTone(TONE_NAMES[event.currentTarget.selectedIndex] ?? "none")}
          >
            {TONE_NAMES.map((each) => (
              <option key={each} value={each}>
                {t(`phone-tone-${each}`)}
              </option>
            ))}
          </select>
        </label>
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
