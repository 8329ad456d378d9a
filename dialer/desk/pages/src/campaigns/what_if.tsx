// The pacing simulation of the form: agents' waits, contacts and abandoned calls of the campaign.
import { Alert, problemText, Section, submittedForm } from "../shared/parts";
import { isProblem } from "../shared/server";
import type { SimulatedPacing } from "../shared/wire";
import { count, decimal, percent, t } from "../shared/words";
import { isSimulating, savable, simulate, simulation } from "./form";

function Figures({ found }: { found: SimulatedPacing }) {
  const { idle_seconds: idle, contacts_per_hour: contacts, abandoned_rate: abandoned, abandoned_limit: limit } = found;
  return (
    <ul class="findings">
      <li>{t("what-if-idle", { seconds: decimal(idle) })}</li>
      <li>{t("what-if-contacts", { contacts: count(Math.round(contacts)) })}</li>
      <li class={abandoned > limit ? "error" : ""}>
        {t("what-if-abandoned", { rate: percent(abandoned), limit: percent(limit) })}
      </li>
    </ul>
  );
}

export function WhatIf() {
  const found = simulation.value;
  const submit = (event: Event) => {
    const data = new FormData(submittedForm(event));
    const figure = (name: string) => Number(data.get(name));
    void simulate(figure("agents"), figure("answer-rate") / 100, figure("talk"));
  };
  return (
    <Section id="what-if" title={t("what-if")}>
      <form class="check" onSubmit={submit}>
        <div class="row">
          <label>
            {t("what-if-agents")} <input name="agents" type="number" required min={1} max={300} defaultValue="10" />
          </label>
          <label>
            {t("what-if-answer-rate")}{" "}
            <input name="answer-rate" type="number" required min={1} max={100} defaultValue="30" />
          </label>
          <label>
            {t("what-if-talk")} <input name="talk" type="number" required min={5} max={1800} defaultValue="90" />
          </label>
          <button type="submit" disabled={!savable.value || isSimulating.value}>
            {t("what-if-run")}
          </button>
        </div>
        <small>{t("what-if-help")}</small>
        <div aria-live="polite">
          {isSimulating.value && <p>{t("what-if-running")}</p>}
          {found && (isProblem(found) ? <Alert text={problemText(found)} /> : <Figures found={found} />)}
        </div>
      </form>
    </Section>
  );
}
