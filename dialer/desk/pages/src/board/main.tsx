import { effect, signal } from "@preact/signals";
import { type ComponentType, render } from "preact";
import { Notice, QuestionDialog } from "../shared/parts";
import { loadUser, me, now, STALE_SECONDS, secondsSinceUpdate, subscribeEvents } from "../shared/server";
import { areLoaded, type CodeOf, clock, lasted, speak, t } from "../shared/words";
import { SignIn } from "../staff/sign_in";
import { AccountMenu } from "./account_menu";
import { Alerts } from "./alerts";
import { Booths, loadBoothNames } from "./booths";
import { CampaignFilter } from "./campaign_filter";
import { Campaigns } from "./campaigns";
import { Charts } from "./charts";
import { command, Menu, may } from "./commands";
import { Seats } from "./seats";
import { centre, desk } from "./state";
import { Tiles } from "./tiles";
import { Trunks } from "./trunks";
import "../shared/base.css";
import "../staff/figures.css";
import "./board.css";

function StatusSign({ name, good }: { name: CodeOf<"status">; good: boolean }) {
  return (
    <li class={good ? "status good" : "status bad"}>
      <span aria-hidden="true">{t(`status-${name}`)}</span>
      <span class="unseen">{t(good ? "status-up" : "status-down", { system: t(`status-${name}`) })}</span>
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
        <StatusSign name="broker" good={heard} />
        <StatusSign name="dialler" good={heard && (stands?.online ?? false)} />
        <StatusSign name="switch" good={heard && (stands?.switch_up ?? false)} />
      </ul>
      {!beside && <CampaignFilter />}
      <Menu
        id="centre-menu"
        title={t("centre-actions")}
        offered={["reload-flows", "accept-clock"]}
        links={may("reload-settings") && beside !== "settings" ? [[t("do-reload-settings"), "/board?settings"]] : []}
      />
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
      <a class="who" href="/reports">
        {t("to-reports")}
      </a>
      {beside && (
        <a class="who" href="/board">
          {t("to-board")}
        </a>
      )}
      <AccountMenu />
      {may("stop-all") && (
        <button type="button" class="main grave" onClick={() => command("stop-all")}>
          {t("do-stop-all")}
        </button>
      )}
    </header>
  );
}

/** Shows how old the page's data is, and why. */
function Stale() {
  const silent = secondsSinceUpdate.value;
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

/** What the page shows instead of the board: account, agents, rolls and numbers, recordings, or settings. Loaded only then. */
const given = new URLSearchParams(location.search);
const beside = ["account", "agents", "lists", "recordings", "settings"].find((name) => given.has(name)) ?? "";
const Beside = signal<ComponentType | null>(null);
if (beside === "account") void import("./account").then((found) => (Beside.value = found.Account));
if (beside === "agents") void import("./agents").then((found) => (Beside.value = found.Agents));
if (beside === "lists") void import("./rolls_and_numbers").then((found) => (Beside.value = found.Lists));
if (beside === "recordings") void import("./recordings").then((found) => (Beside.value = found.Recordings));
if (beside === "settings") void import("./changed_settings").then((found) => (Beside.value = found.ChangedSettings));
/** The pages that show problems of settings and rolls. The board itself does not load these many texts. */
const SHOW_SERVER_TEXTS = ["agents", "lists", "settings"];
const LISTS = ["roll-import", "suppress", "erase-number"];

function Board() {
  return (
    <main>
      <Stale />
      {me.value?.signs && <p>{t("commands-signed")}</p>}
      <Alerts />
      <Tiles />
      <Campaigns />
      <Seats />
      <Charts />
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
      <Notice />
      <QuestionDialog />
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
    subscribeEvents(
      () => "/api/board/events",
      () => Boolean(me.value),
      () => void loadUser(),
    );
    void loadBoothNames();
  }
});
const boardTexts = import.meta.glob<string>(["../../locales/board/*.ftl", "../../locales/staff/*.ftl"], {
  query: "?raw",
  import: "default",
});
const serverTexts = import.meta.glob<string>("../../locales/server/*.ftl", { query: "?raw", import: "default" });
void speak(SHOW_SERVER_TEXTS.includes(beside) ? { ...boardTexts, ...serverTexts } : boardTexts);
void loadUser();
render(<Page />, document.getElementById("page")!);
