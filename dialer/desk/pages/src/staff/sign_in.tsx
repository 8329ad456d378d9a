// Sign-in with name and password. After a one-time password a new one is requested first.
import { useState } from "preact/hooks";
import { Alert, LanguageChoice, problemText, submittedForm } from "../shared/parts";
import { ask, isProblem, loadUser } from "../shared/server";
import { t } from "../shared/words";
import { offered, signIn } from "./passkeys";

export function SignIn() {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [once, setOnce] = useState(false);
  const byPasskey = async () => {
    setBusy(true);
    const wrong = await signIn();
    setBusy(false);
    if (!wrong) return loadUser();
    setProblem(problemText(wrong));
  };
  const send = async (event: Event) => {
    const given = Object.fromEntries(new FormData(submittedForm(event)));
    setBusy(true);
    const answer = await ask("POST", "/api/sign-in", given);
    setBusy(false);
    if (!isProblem(answer)) return loadUser();
    setOnce(answer.problem === "once" || (once && answer.problem === "weak"));
    setProblem(problemText(answer));
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void send(event)}>
        <h1>{t("title")}</h1>
        <label>
          {t("sign-in-name")}
          <input name="name" autocomplete="username" autocapitalize="none" spellcheck={false} maxLength={64} required />
        </label>
        <label>
          {t("sign-in-password")}
          <input name="password" type="password" autocomplete="current-password" maxLength={200} required />
        </label>
        {once && (
          <label>
            {t("password-new")}
            <input
              name="new"
              type="password"
              autocomplete="new-password"
              minLength={12}
              maxLength={200}
              required
              autofocus
            />
          </label>
        )}
        <Alert text={problem} />
        <button type="submit" class="main" disabled={busy}>
          {t("sign-in")}
        </button>
        {offered && (
          <button type="button" disabled={busy} onClick={() => void byPasskey()}>
            {t("sign-in-passkey")}
          </button>
        )}
        <LanguageChoice />
      </form>
    </main>
  );
}
