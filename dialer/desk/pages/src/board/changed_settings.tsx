// Changes in the settings files that are not in force yet, and their reload. Loaded when first opened.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Alert, askQuestion, problemText, Section, ServerText, Table } from "../shared/parts";
import { ask, isProblem, me, type Problem } from "../shared/server";
import type { ChangedSetting, ChangedSettings as Changes } from "../shared/wire";
import { t } from "../shared/words";
import { send } from "./commands";

const found = signal<Changes | Problem | null>(null);

async function look(): Promise<void> {
  found.value = await ask<Changes>("GET", "/api/settings/changes");
}

async function reload(digest: string): Promise<void> {
  await send("/api/settings/reload", { digest });
  await look();
}

const MOST_LETTERS = 300;
const shorten = (text: string) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text);

function Value({ text, secret }: { text: string | null; secret: boolean }) {
  if (secret) return <em>{t("setting-hidden")}</em>;
  return text ? <code>{shorten(text)}</code> : <em>{t("setting-not-set")}</em>;
}

function Changed({ name, before, after, secret, takes_effect: when }: ChangedSetting) {
  return (
    <tr>
      <th scope="row">
        <code>{name}</code>
      </th>
      <td>
        <Value text={before} secret={secret} />
      </td>
      <td>
        <Value text={after} secret={secret} />
      </td>
      <td>{t(`takes-effect-${when}`)}</td>
    </tr>
  );
}

function Difference({ changes, digest, mistakes }: Changes) {
  const needsRestart = changes.some(({ takes_effect: when }) => when === "restart");
  const ask = () =>
    askQuestion({
      title: t("do-reload-settings"),
      text: t("ask-reload-settings", { settings: changes.length }),
      onConfirm: () => void reload(digest),
    });
  if (mistakes.length)
    return (
      <>
        <Alert text={t("settings-invalid")} />
        {mistakes.map((each) => (
          <p key={each.english}>
            <ServerText text={each} />
          </p>
        ))}
      </>
    );
  return (
    <>
      {changes.length ? (
        <Table of="settings" names={["setting", "setting-before", "setting-after", "setting-takes-effect"]}>
          {changes.map((each) => (
            <Changed key={each.name} {...each} />
          ))}
        </Table>
      ) : (
        <p>{t("settings-unchanged")}</p>
      )}
      {needsRestart && <Alert text={t("settings-need-restart")} />}
      {changes.some(({ takes_effect: when }) => when === "desk-restart") && <p>{t("settings-need-desk-restart")}</p>}
      {me.value?.signs ? (
        <p>{t("commands-signed")}</p>
      ) : (
        <div class="row">
          <button type="button" class="main" disabled={needsRestart} onClick={ask}>
            {t("do-reload-settings")}
          </button>
        </div>
      )}
    </>
  );
}

export function ChangedSettings() {
  useEffect(() => void look(), []);
  const shown = found.value;
  return (
    <main>
      <Section
        id="settings"
        title={t("settings-title")}
        aside={
          <button type="button" onClick={() => void look()}>
            {t("settings-look-again")}
          </button>
        }
      >
        <p class="small">{t("settings-help")}</p>
        {shown && (isProblem(shown) ? <Alert text={problemText(shown)} /> : <Difference {...shown} />)}
      </Section>
    </main>
  );
}
