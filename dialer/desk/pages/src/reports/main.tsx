import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { Alert, Notice, problemText, QuestionDialog } from "../shared/parts";
import { ask, isProblem, loadUser, me, type Problem } from "../shared/server";
import type { ReportChoices } from "../shared/wire";
import { areLoaded, messageOf, speak, t } from "../shared/words";
import { PageHeader } from "../staff/page";
import { SignIn } from "../staff/sign_in";
import { CallFilter } from "./call_filter";
import { Calls } from "./calls";
import { addDays, addressOf, campaign, first, from, last, to, today, view } from "./filter";
import { ReportTable } from "./table";
import "../shared/base.css";
import "../staff/figures.css";
import "../staff/account.css";
import "./reports.css";

/** The views and the reports in each. */
const VIEWS: Record<string, string[]> = {
  campaigns: ["hours", "outcomes", "dispositions"],
  agents: ["agents", "pauses", "agent-dispositions"],
  calls: ["calls"],
  lists: ["list-due", "list-attempts"],
  abandoned: ["windows"],
  trunks: ["trunks", "trunk-hours", "trunk-statuses"],
};

const choices = signal<ReportChoices | Problem | null>(null);

function Head({ views, shown }: { views: string[]; shown: string }) {
  return (
    <PageHeader links={[["to-board", "/board"]]}>
      <nav aria-label={t("to-reports")}>
        {views.map((name) => (
          <a key={name} href={addressOf(name)} aria-current={name === shown ? "page" : undefined}>
            {messageOf(`view-${name}`)}
          </a>
        ))}
      </nav>
    </PageHeader>
  );
}

/** Set the period to the days from some days ago until some days ago. Today is not written into the address. */
function choosePeriod(begins: number, ends: number): void {
  from.value = begins ? addDays(today.value, -begins) : "";
  to.value = ends ? addDays(today.value, -ends) : "";
}

function Filter({ choices, shown }: { choices: ReportChoices; shown: string }) {
  const { campaigns } = choices;
  const offered = campaign.value && !campaigns.includes(campaign.value) ? [...campaigns, campaign.value] : campaigns;
  return (
    <form class="panel filter" aria-label={t("filter")} onSubmit={(event) => event.preventDefault()}>
      <label>
        {t("filter-from")}
        <input
          type="date"
          value={first.value}
          max={today.value}
          onChange={(event) => (from.value = event.currentTarget.value)}
        />
      </label>
      <label>
        {t("filter-to")}
        <input
          type="date"
          value={last.value}
          min={first.value}
          onChange={(event) => (to.value = event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <button type="button" onClick={() => choosePeriod(0, 0)}>
          {t("period-today")}
        </button>
        <button type="button" onClick={() => choosePeriod(1, 1)}>
          {t("period-yesterday")}
        </button>
        <button type="button" onClick={() => choosePeriod(6, 0)}>
          {t("period-week")}
        </button>
      </div>
      <label>
        {t("campaign")}
        <select value={campaign.value} onChange={(event) => (campaign.value = event.currentTarget.value)}>
          <option value="">{t("all-campaigns")}</option>
          {offered.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {shown === "calls" && <CallFilter {...choices} />}
    </form>
  );
}

function Reports(choices: ReportChoices) {
  const { reports } = choices;
  const views = Object.keys(VIEWS).filter((name) => VIEWS[name]!.some((each) => reports.includes(each)));
  const shown = views.includes(view.value) ? view.value : views[0]!;
  return (
    <>
      <Head views={views} shown={shown} />
      <main>
        <Filter choices={choices} shown={shown} />
        {VIEWS[shown]!.filter((name) => reports.includes(name)).map((name) =>
          name === "calls" ? <Calls key={name} /> : <ReportTable key={name} name={name} />,
        )}
      </main>
      <Notice />
      <QuestionDialog />
    </>
  );
}

function Page() {
  if (!areLoaded.value || me.value === undefined) return null;
  if (me.value === null) return <SignIn />;
  const found = choices.value;
  if (found === null) return null;
  return isProblem(found) ? <Alert text={problemText(found)} /> : <Reports {...found} />;
}

effect(() => {
  if (me.value) void ask<ReportChoices>("GET", "/api/reports").then((found) => (choices.value = found));
});
void speak(
  import.meta.glob<string>(["../../locales/reports/*.ftl", "../../locales/board/*.ftl", "../../locales/staff/*.ftl"], {
    query: "?raw",
    import: "default",
  }),
);
void loadUser();
render(<Page />, document.getElementById("page")!);
