import { effect, untracked } from "@preact/signals";
import { type ComponentChildren, render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Alert, LanguageChoice, Notice, QuestionDialog, showNotice, submittedForm } from "../shared/parts";
import {
  ask,
  isProblem,
  now,
  type Problem,
  STALE_SECONDS,
  secondsSinceUpdate,
  subscribeEvents,
  value,
} from "../shared/server";
import type { DeskStatus } from "../shared/wire";
import { areLoaded, lasted, messageOf, serverText, speak, suggest, t } from "../shared/words";
import { CoachingNotes } from "./coaching_notes";
import { CallControls, SeatControls } from "./controls";
import { nameOf } from "./drafts";
import { KeyboardHelp, openKeyboardHelp } from "./keyboard_help";
import { listen } from "./keys";
import { Dialling, ended, Manual, Preview } from "./manual_dialling";
import { Correcting, NoteField, Saying, Words } from "./outcome_panel";
import { noteShownCall, saveBeforeWrapUpEnds } from "./outcomes";
import { OwnCallBacks, OwnDay } from "./own_day";
import { ConnectionTrouble, PhonePanel, PhoneTrouble } from "./phone-panel";
import { ScriptPages } from "./script";
import { SeatStatus, stateIn, Waiting } from "./seat_state";
import { checkSession, eventsPath, loadUser, me, place, pop, seat, stateOf, takeOverSeat } from "./state";
import { Line } from "./supervisor_message";
import { About, Who } from "./voter_panel";
import "../shared/base.css";
import "./agent.css";

const SEAT = "matdan-seat";
interface Place {
  seat: string;
  taken: boolean;
  phone: "own" | "browser";
}

function SignIn() {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [places, setPlaces] = useState<Place[]>([]);
  const [chosen, setChosen] = useState(localStorage.getItem(SEAT) ?? "");
  const told = (found: Problem & { seat?: string; minutes?: number }) =>
    setProblem(
      messageOf(`problem-${found.problem}`, {
        seconds: found.seconds ?? 0,
        seat: found.seat ?? "",
        text: serverText(found.text ?? ""),
        minutes: found.minutes ?? 0,
      }),
    );
  useEffect(() => {
    void ask<Place[]>("GET", "/api/agent/seats").then((found) => (isProblem(found) ? told(found) : setPlaces(found)));
  }, []);
  const phone = places.find((each) => each.seat === chosen)?.phone;
  const send = async (event: Event) => {
    const given = new FormData(submittedForm(event));
    setBusy(true);
    const answer = await ask("POST", "/api/agent/sign-in", {
      agent: given.get("agent"),
      pin: given.get("pin"),
      seat: chosen,
      phone,
    });
    setBusy(false);
    if (isProblem(answer)) return told(answer);
    localStorage.setItem(SEAT, chosen);
    await loadUser();
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void send(event)}>
        <h1>{t("title-agent")}</h1>
        <label>
          {t("agent-number")}
          <input name="agent" inputMode="numeric" autocomplete="username" pattern="[0-9]{1,10}" required />
        </label>
        <label>
          {t("pin")}
          <input name="pin" type="password" inputMode="numeric" autocomplete="off" pattern="[0-9]{1,12}" required />
        </label>
        <label>
          {t("seat")}
          {places.length === 0 ? (
            <input
              name="seat"
              value={chosen}
              pattern="[A-Za-z0-9\-]{1,20}"
              required
              onInput={(event) => setChosen(event.currentTarget.value)}
            />
          ) : (
            <select name="seat" value={chosen} required onChange={(event) => setChosen(event.currentTarget.value)}>
              <option value="">{t("choose-seat")}</option>
              {places.map((each) => (
                <option key={each.seat} value={each.seat}>
                  {each.seat}
                  {each.taken ? ` (${t("seat-in-use")})` : ""}
                </option>
              ))}
            </select>
          )}
        </label>
        {phone && <p class="small">{t(`phone-${phone}`)}</p>}
        <Alert text={problem} />
        <button type="submit" class="main" disabled={busy}>
          {t("sign-in")}
        </button>
        <LanguageChoice />
      </form>
    </main>
  );
}

/** Shown if another page of this seat is in use. */
function Elsewhere() {
  return (
    <main class="sign-in">
      <form onSubmit={(event) => event.preventDefault()}>
        <h1>{t("title-agent")}</h1>
        <p role="alert">
          {t(place.value === "taken" ? "used-elsewhere" : "open-elsewhere", { seat: me.value?.seat ?? "" })}
        </p>
        <button type="button" class="main" onClick={takeOverSeat}>
          {t("use-here")}
        </button>
      </form>
    </main>
  );
}

function Head() {
  const there = seat();
  return (
    <header>
      <h1>
        <span class="label">{t("title")}</span> <span class="id">{me.value?.seat}</span>
      </h1>
      {there && <SeatStatus there={there} />}
      <SeatControls />
      <PhonePanel />
      <span class="who">{t("agent", { agent: me.value?.agent ?? "" })}</span>
      <button type="button" class="help" aria-label={t("keys")} title={t("keys")} onClick={openKeyboardHelp}>
        ?
      </button>
      <LanguageChoice />
    </header>
  );
}

/** Shows how old the page's data is and what still works. */
function Stale() {
  const silent = secondsSinceUpdate.value;
  const desk = value<DeskStatus>("desk");
  const away = value<{ online: boolean }>("centre")?.online === false;
  const told =
    silent > STALE_SECONDS
      ? t("stale-desk", { ago: lasted(silent) })
      : desk && !desk.connected
        ? t("stale-broker", { ago: lasted(now.value - desk.since) })
        : away
          ? t("stale-dialler")
          : "";
  return (
    <div role="alert" class={told ? "stale" : "unseen"}>
      {told && `${told} ${t(me.value?.phone === "browser" ? "browser-call-continues" : "phone-keys-work")}`}
    </div>
  );
}

/** Announces changes to screen readers. */
function Spoken() {
  const there = seat();
  const call = pop();
  const voter = call?.voters.find((each) => each.id === call.addressed);
  return (
    <div class="unseen" role="status">
      {there ? stateIn(there) : ""} {voter && <bdi>{nameOf(voter)}</bdi>}
    </div>
  );
}

function Idle() {
  return (
    <>
      <Waiting state={stateOf()} />
      <div class="columns idle">
        <CoachingNotes />
        <OwnDay />
        <OwnCallBacks />
        <Manual />
      </div>
    </>
  );
}

/** What an agent presses in a call. On a phone it stays at the foot of the screen, within reach of the thumb. */
function Dock({ children }: { children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { style } = document.documentElement;
    const observer = new ResizeObserver(([entry]) =>
      style.setProperty("--dock", `${entry!.borderBoxSize[0]!.blockSize}px`),
    );
    observer.observe(box.current!);
    return () => {
      observer.disconnect();
      style.removeProperty("--dock");
    };
  }, []);
  return (
    <div ref={box} class="dock stack">
      {children}
    </div>
  );
}

function Desk() {
  const call = pop();
  return (
    <>
      <Head />
      <main>
        <Stale />
        {me.value?.training && <p class="training">{t("training")}</p>}
        <Line />
        <PhoneTrouble />
        <ConnectionTrouble />
        <Spoken />
        <Correcting />
        {call ? (
          <div class="call">
            <Who call={call} />
            <div class="stack act">
              <Dock>
                <Dialling />
                {seat()?.preview ? <Preview call={call} /> : <Saying call={call} />}
                <CallControls />
              </Dock>
              {!seat()?.preview && <NoteField call={call} />}
            </div>
            <div class="stack guide">
              {call.script && <ScriptPages call={call} script={call.script} />}
              <About call={call} />
            </div>
          </div>
        ) : (
          <Idle />
        )}
      </main>
      <div class="foot">
        <Words />
        <Notice />
      </div>
      <QuestionDialog />
      <KeyboardHelp />
    </>
  );
}

function Page() {
  if (!areLoaded.value || me.value === undefined) return null;
  if (me.value === null) return <SignIn />;
  return place.value ? <Elsewhere /> : <Desk />;
}

effect(() => {
  const there = pop()?.attempt ?? "";
  untracked(() => noteShownCall(there));
});

// Announce that a call was cancelled before it was connected.
let lastState = "";
let lastAttempt: string | null = null;
effect(() => {
  const state = stateOf();
  const isNews = lastAttempt !== ended; // calls that this page ended itself are not announced
  if (lastState === "reserved" && (state === "ready" || state === "paused") && isNews)
    untracked(() => showNotice(t("call-cancelled")));
  lastState = state;
  lastAttempt = seat()?.attempt_id ?? null;
});

effect(() => {
  const there = seat();
  const most = there?.campaign_id ? me.value?.wrap_up_seconds[there.campaign_id] : undefined;
  if (there?.state === "wrap-up" && there.since !== null && most !== undefined) {
    const left = most - (now.value - there.since);
    untracked(() => saveBeforeWrapUpEnds(left));
  }
});

effect(() => {
  const ended = value<string>("ended");
  if (ended === "taken") place.value = "taken";
  if (ended === "signed-out") void loadUser();
});

const isWanted = () => Boolean(me.peek()) && place.peek() === "";
let reconnect: (() => void) | undefined;
effect(() => {
  if (!me.value || place.value) return;
  const { language } = me.value;
  untracked(() => {
    if (reconnect) return reconnect();
    suggest(language);
    reconnect = subscribeEvents(eventsPath, isWanted, () => void checkSession());
  });
});

void speak(import.meta.glob<string>("../../locales/agent/*.ftl", { query: "?raw", import: "default" }));
const look = () => void loadUser().then(() => me.peek() === undefined && setTimeout(look, 3000));
look();
listen();
render(<Page />, document.getElementById("page")!);
