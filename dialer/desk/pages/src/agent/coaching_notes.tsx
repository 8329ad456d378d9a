// What supervisors wrote about the agent's own calls, shown between calls.
import { useState } from "preact/hooks";
import { problemText, Section, showNotice } from "../shared/parts";
import { ask, isProblem, value } from "../shared/server";
import type { OwnCoachingNote } from "../shared/wire";
import { moment, t } from "../shared/words";

function Note({ shown }: { shown: OwnCoachingNote }) {
  const [busy, setBusy] = useState(false);
  const markAsRead = async () => {
    setBusy(true);
    const answer = await ask("POST", "/api/agent/coaching-note-read", { note: shown.note });
    setBusy(false);
    if (isProblem(answer)) showNotice(problemText(answer), true);
  };
  return (
    <li>
      <p class="small">
        <bdi>
          {t("coaching-note-of", { sender: shown.author, at: moment(shown.call_at), campaign: shown.campaign })}
        </bdi>
      </p>
      <p dir="auto">{shown.text}</p>
      {shown.read ? (
        <p class="small">{t("coaching-note-is-read")}</p>
      ) : (
        <button type="button" disabled={busy} onClick={() => void markAsRead()}>
          {t("coaching-note-mark-read")}
        </button>
      )}
    </li>
  );
}

/** The notes on the agent's calls, the newest first; nothing while there are none. */
export function CoachingNotes() {
  const notes = value<OwnCoachingNote[]>("coaching");
  if (!notes?.length) return null;
  return (
    <Section id="coaching-notes" title={t("coaching-notes")}>
      <ul class="coaching">
        {notes.map((each) => (
          <Note key={each.note} shown={each} />
        ))}
      </ul>
    </Section>
  );
}
