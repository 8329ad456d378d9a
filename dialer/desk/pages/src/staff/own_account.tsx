// The password and passkeys of the signed-in user.
import { useEffect, useState } from "preact/hooks";
import { Alert, askQuestion, problemText, Section, showNotice, submittedForm } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import { moment, t } from "../shared/words";
import { make } from "./passkeys";
import "./account.css";

/** The current password, with a hidden user name for password managers. */
function OwnPassword() {
  return (
    <>
      <input class="unseen" autocomplete="username" value={me.value?.name} readOnly tabIndex={-1} aria-hidden="true" />
      <label>
        {t("password-old")}
        <input name="password" type="password" autocomplete="current-password" maxLength={200} required />
      </label>
    </>
  );
}

export function Password() {
  const [problem, setProblem] = useState("");
  const send = async (event: Event) => {
    const form = submittedForm(event);
    const answer = await ask("POST", "/api/sign-in", {
      name: me.value?.name,
      ...Object.fromEntries(new FormData(form)),
    });
    setProblem(isProblem(answer) ? problemText(answer) : "");
    if (isProblem(answer)) return;
    form.reset();
    showNotice(t("password-changed"));
  };
  return (
    <Section id="own-password" title={t("own-password")}>
      <form class="row fields" onSubmit={(event) => void send(event)}>
        <OwnPassword />
        <label>
          {t("password-new")}
          <input name="new" type="password" autocomplete="new-password" minLength={12} maxLength={200} required />
        </label>
        <button type="submit">{t("password-change")}</button>
      </form>
      <Alert text={problem} />
    </Section>
  );
}

interface Passkey {
  id: string;
  at: number;
  used_at: number | null;
}

export function Passkeys() {
  const [own, setOwn] = useState<Passkey[]>([]);
  const [problem, setProblem] = useState("");
  const look = async () => {
    const found = await ask<Passkey[]>("GET", "/api/passkeys");
    if (!isProblem(found)) setOwn(found);
  };
  useEffect(() => void look(), []);
  const send = async (event: Event) => {
    const form = submittedForm(event);
    const wrong = await make(String(new FormData(form).get("password")));
    setProblem(wrong ? problemText(wrong) : "");
    if (wrong) return;
    form.reset();
    showNotice(t("passkey-created"));
    await look();
  };
  const remove = (id: string) =>
    askQuestion({
      title: t("passkey-remove"),
      text: t("ask-passkey-remove"),
      grave: true,
      onConfirm: () => void ask("POST", "/api/passkeys/remove", { id }).then(look),
    });
  return (
    <Section id="passkeys" title={t("passkeys")}>
      <p>{t("passkeys-help")}</p>
      <form class="row fields" onSubmit={(event) => void send(event)}>
        <OwnPassword />
        <button type="submit">{t("passkey-create")}</button>
      </form>
      <Alert text={problem} />
      <ul>
        {own.map(({ id, at, used_at }) => (
          <li key={id} class="row between">
            {used_at === null
              ? t("passkey-unused", { at: moment(at) })
              : t("passkey-used", { at: moment(at), used: moment(used_at) })}
            <button type="button" onClick={() => remove(id)}>
              {t("passkey-remove")}
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
