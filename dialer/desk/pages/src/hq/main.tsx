import { effect } from "@preact/signals";
import { render } from "preact";
import { LanguageChoice, Notice, QuestionDialog } from "../shared/parts";
import { loadUser, me, now, STALE_SECONDS, secondsSinceUpdate, signOut, subscribeEvents } from "../shared/server";
import { areLoaded, clock, lasted, messageOf, speak, t } from "../shared/words";
import { Passkeys, Password } from "../staff/own_account";
import { offered } from "../staff/passkeys";
import { SignIn } from "../staff/sign_in";
import { Audit, Incidents, MaterialView, Orders } from "./actions";
import { Days } from "./days";
import { Figures } from "./figures";
import { Ready } from "./ready";
import { addressOf, hq, incidents, may, place, proposals, view, who } from "./state";
import "../shared/base.css";
import "../staff/figures.css";
import "./hq.css";

const VIEWS = {
  figures: Figures,
  incidents: Incidents,
  material: MaterialView,
  orders: Orders,
  days: Days,
  ready: Ready,
  audit: Audit,
  account: () => (
    <>
      <Password />
      {offered && <Passkeys />}
    </>
  ),
};
type View = keyof typeof VIEWS;

function Head() {
  const stands = hq();
  const waiting = proposals().filter((each) => each.state === "open");
  const many: Partial<Record<View, number>> = {
    incidents: incidents().length,
    material: waiting.filter((each) => each.kind !== "resume").length,
    orders: waiting.filter((each) => each.kind === "resume").length,
  };
  const views = (Object.keys(VIEWS) as View[]).filter(
    (each) => each !== "account" && (each !== "audit" || may("read-audit")),
  );
  return (
    <header>
      <h1>
        {t("title")} <span class="id">{t("headquarters")}</span>
      </h1>
      <time>{clock(now.value)}</time>
      <ul class="statuses" aria-label={t("status")}>
        {(["nats", "database"] as const).map((name) => {
          const good =
            name === "nats" ? (stands?.connected ?? false) : stands?.read_at != null && now.value - stands.read_at < 30;
          return (
            <li key={name} class={good ? "status good" : "status bad"}>
              <span aria-hidden="true">{t(`status-${name}`)}</span>
              <span class="unseen">{t(good ? "status-up" : "status-down", { system: t(`status-${name}`) })}</span>
            </li>
          );
        })}
      </ul>
      <LanguageChoice />
      <a class="who" href={addressOf(place.value, "account")}>
        {who().name} · {messageOf(`role-${who().role}`)} {who().of_zone && `· ${who().of_zone}`}
      </a>
      <button type="button" onClick={() => void signOut()}>
        {t("sign-out")}
      </button>
      <nav class="views" aria-label={t("views")}>
        {views.map((each) => (
          <a key={each} href={addressOf(place.value, each)} aria-current={view.value === each ? "page" : undefined}>
            {messageOf(`view-${each}`)} {many[each] ? <b class="many">{many[each]}</b> : ""}
          </a>
        ))}
      </nav>
    </header>
  );
}

function Stale() {
  const silent = secondsSinceUpdate.value;
  const stands = hq();
  const old = stands?.read_at == null ? 0 : now.value - stands.read_at;
  const told =
    silent > STALE_SECONDS
      ? t("stale-desk", { ago: lasted(silent) })
      : old > 30
        ? t("stale-database", { ago: lasted(old) })
        : stands && !stands.connected
          ? t("stale-nats")
          : "";
  return (
    <div role="alert" class={told ? "stale" : "unseen"}>
      {told}
    </div>
  );
}

function Page() {
  if (!areLoaded.value || me.value === undefined) return null;
  if (me.value === null) return <SignIn />;
  const Shown = VIEWS[view.value as View] ?? Figures;
  return (
    <>
      <Head />
      <main>
        <Stale />
        {hq() ? <Shown /> : null}
      </main>
      <Notice />
      <QuestionDialog />
    </>
  );
}

let hearing = false;
effect(() => {
  if (me.value && !hearing) {
    hearing = true;
    subscribeEvents(
      () => "/api/hq/events",
      () => Boolean(me.value),
      () => void loadUser(),
    );
  }
});
void speak(
  import.meta.glob<string>(["../../locales/hq/*.ftl", "../../locales/staff/*.ftl"], {
    query: "?raw",
    import: "default",
  }),
);
void loadUser();
render(<Page />, document.getElementById("page")!);
