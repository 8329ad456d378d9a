// Who has signed in: the own password; and for a supervisor, everybody else. Fetched when it is opened first.
import { useState } from "preact/hooks";
import { Section, say } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import { t } from "../shared/words";
import { Users } from "./users";
import "./account.css";

function Password() {
  const [problem, setProblem] = useState("");
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const answer = await ask("POST", "/api/sign-in", { name: me.value?.name, ...Object.fromEntries(new FormData(form)) });
    setProblem(isProblem(answer) ? t(`problem-${answer.problem}`, { seconds: answer.seconds ?? 0 }) : "");
    if (isProblem(answer)) return;
    form.reset();
    say(t("password-changed"));
  };
  return (
    <Section id="own-password" title={t("own-password")}>
      <form class="row fields" onSubmit={(event) => void send(event as unknown as SubmitEvent)}>
        <input class="unseen" autocomplete="username" value={me.value?.name} readOnly tabIndex={-1} aria-hidden="true" />
        <label>
          {t("password-old")}
          <input name="password" type="password" autocomplete="current-password" maxLength={200} required />
        </label>
        <label>
          {t("password-new")}
          <input name="new" type="password" autocomplete="new-password" minLength={12} maxLength={200} required />
        </label>
        <button>{t("password-change")}</button>
      </form>
      <p class="problem" role="alert">
        {problem}
      </p>
    </Section>
  );
}

export function Account() {
  return (
    <main>
      <Password />
      {me.value?.role === "supervisor" && <Users />}
    </main>
  );
}
