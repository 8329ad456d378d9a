import { effect, signal } from "@preact/signals";
import { render, type ComponentType } from "preact";
import { SignIn } from "../staff/sign_in";
import { Asked, LanguageChoice, Said } from "../shared/parts";
import { STALE_SECONDS, hear, lookWho, me, namesOf, now, signOut, silentSeconds } from "../shared/server";
import { areLoaded, clock, lasted, speak, t, word } from "../shared/words";
import { Alerts } from "./alerts";
import { Booths, lookNames } from "./booths";
import { Campaigns } from "./campaigns";
import { Charts } from "./charts";
import { Menu, command, may } from "./commands";
import { Seats } from "./seats";
import { Tiles } from "./tiles";
import { Trunks } from "./trunks";
import { asked, centre, chosen, desk } from "./state";
import "../shared/base.css";
import "../staff/figures.css";
import "./board.css";

function Lamp({ name, good }: { name: string; good: boolean }) {
  return (
    <li class={good ? "status good" : "status bad"}>
      {t(`status-${name}`)}
      <span class="unseen">: {t(good ? "status-up" : "status-down")}</span>
    </li>
  );
}

function Head() {
  const heard = desk()?.connected ?? false;
  const stands = centre();
  return (
    <header>
      <h1>
        {t("title")} <span class="id">{me.value?.centre}</span>
      </h1>
      <time>{clock(now.value)}</time>
      <ul class="statuses" aria-label={t("status")}>
        <Lamp name="broker" good={heard} />
        <Lamp name="dialler" good={heard && (stands?.online ?? false)} />
        <Lamp name="switch" good={heard && (stands?.switch_up ?? false)} />
      </ul>
      <select aria-label={t("campaign")} value={chosen.value} onChange={(event) => (asked.campaign.value = event.currentTarget.value)}>
        <option value="">{t("all-campaigns")}</option>
        {namesOf("campaign").map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <LanguageChoice />
      <Menu id="centre-menu" title={t("centre-actions")} offered={["reload-flows", "accept-clock"]} />
      {beside !== "lists" && LISTS.some(may) && (
        <a class="who" href="/board?lists">
          {t("to-lists")}
        </a>
      )}
      {beside !== "recordings" && may("recording-play") && (
        <a class="who" href="/board?recordings">
          {t("to-recordings")}
        </a>
      )}
      <a class="who" href={beside ? "/board" : "/board?account"}>
        {beside ? t("to-board") : `${me.value?.name} · ${word("role", me.value?.role ?? "")}`}
      </a>
      <button onClick={() => void signOut()}>{t("sign-out")}</button>
      {may("stop-all") && (
        <button class="main grave" onClick={() => command("stop-all")}>
          {t("do-stop-all")}
        </button>
      )}
    </header>
  );
}

/** What is on the screen may be old: how old, and why. */
function Stale() {
  const silent = silentSeconds.value;
  const heard = desk();
  const stands = centre();
  const told =
    silent > STALE_SECONDS
      ? t("stale-desk", { ago: lasted(silent) })
      : heard && !heard.connected
        ? t("stale-broker", { ago: lasted(now.value - heard.since) })
        : stands && !stands.online
          ? t("stale-dialler")
          : "";
  return (
    <div role="alert" class={told ? "stale" : "unseen"}>
      {told}
    </div>
  );
}

/** What the page shows in place of the board: who has signed in, or rolls and numbers, or recordings; fetched only then. */
const given = new URLSearchParams(location.search);
const beside = ["account", "lists", "recordings"].find((name) => given.has(name)) ?? "";
const Beside = signal<ComponentType | null>(null);
if (beside === "account") void import("./account").then((found) => (Beside.value = found.Account));
if (beside === "lists") void import("./rolls_and_numbers").then((found) => (Beside.value = found.Lists));
if (beside === "recordings") void import("./recordings").then((found) => (Beside.value = found.Recordings));
const LISTS = ["roll-import", "suppress", "erase-number"];

function Board() {
  return (
    <main>
      <Stale />
      {me.value?.signs && <p>{t("commands-signed")}</p>}
      <Alerts />
      <Tiles />
      <div class="columns">
        <Campaigns />
        <Charts />
      </div>
      <Seats />
      <div class="columns">
        <Booths />
        <Trunks />
      </div>
    </main>
  );
}

function SignedIn() {
  return (
    <>
      <Head />
      {!beside ? <Board /> : Beside.value && <Beside.value />}
      <Said />
      <Asked />
    </>
  );
}

function Page() {
  if (!areLoaded.value || me.value === undefined) return null;
  return me.value === null ? <SignIn /> : <SignedIn />;
}

let hearing = false;
effect(() => {
  if (me.value && !hearing) {
    hearing = true;
    hear(() => "/api/board/events", () => Boolean(me.value), () => void lookWho());
    void lookNames();
  }
});
void speak(import.meta.glob<string>(["../../locales/board/*.ftl", "../../locales/staff/*.ftl"], { query: "?raw", import: "default" }));
void lookWho();
render(<Page />, document.getElementById("page")!);
