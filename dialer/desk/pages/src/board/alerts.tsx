import { problemText, showNotice } from "../shared/parts";
import { ask, isProblem, me, value } from "../shared/server";
import type { Acknowledgement, Alert } from "../shared/wire";
import { clock, t, word } from "../shared/words";
import { AlertText } from "../staff/alert_text";

const LEVELS = ["critical", "warning", "notice"];

async function see(alert: Alert): Promise<void> {
  const answer = await ask("POST", "/api/board/alerts", { code: alert.code, at: alert.at });
  if (isProblem(answer)) showNotice(problemText(answer), true);
}

export function Alerts() {
  const standing = ["alerts", "warnings"].flatMap((key) => value<{ alerts: Alert[] }>(key)?.alerts ?? []);
  standing.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || a.at - b.at);
  const seen = value<Record<string, Acknowledgement>>("acknowledged") ?? {};
  if (!standing.length) return null;
  return (
    <ul class="alerts" aria-label={t("alerts")}>
      {standing.map((alert) => {
        const by = seen[alert.code]?.alert_at === alert.at ? seen[alert.code] : undefined;
        return (
          <li key={alert.code} class={`alert ${alert.level}${by ? " seen" : ""}`}>
            <strong>{word("level", alert.level)}</strong> <time>{clock(alert.at)}</time> <AlertText alert={alert} />
            {by ? (
              <em>{t("alert-acknowledged-by", { name: by.name, at: clock(by.at) })}</em>
            ) : (
              me.value?.role !== "viewer" && (
                <button type="button" onClick={() => void see(alert)}>
                  {t("alert-acknowledge")}
                </button>
              )
            )}
          </li>
        );
      })}
    </ul>
  );
}
