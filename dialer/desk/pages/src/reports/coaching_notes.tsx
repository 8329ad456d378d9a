// Coaching notes in the details of a call: a supervisor writes to the call's agent, and sees whether the agent has read it.
import { useEffect, useState } from "preact/hooks";
import { may } from "../board/commands";
import { Alert, askQuestion, problemText, showNotice, submittedForm } from "../shared/parts";
import { ask, isProblem, me, type Problem } from "../shared/server";
import type { CoachingNoteOnCall, ListedCall } from "../shared/wire";
import { moment, t } from "../shared/words";
import { agentText } from "./cells";

const MOST_CHARACTERS = 1000;

export function CoachingNotes({ call }: { call: ListedCall }) {
  const [notes, setNotes] = useState<CoachingNoteOnCall[] | Problem | null>(null);
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const isShown = call.agent !== "" && may("coaching-note");
  const load = async () => setNotes(await ask<CoachingNoteOnCall[]>("GET", `/api/coaching-notes/${call.attempt}`));
  useEffect(() => {
    if (isShown) void load();
  }, [call.attempt, isShown]);
  if (!isShown) return null;
  const change = async (path: string, body: object, done: string): Promise<boolean> => {
    setBusy(true);
    const answer = await ask("POST", path, body);
    await load();
    setBusy(false);
    showNotice(isProblem(answer) ? problemText(answer) : done, isProblem(answer));
    return !isProblem(answer);
  };
  const write = async () => {
    const isWritten = await change("/api/coaching-notes", { attempt: call.attempt, text }, t("coaching-written"));
    if (isWritten) setText("");
  };
  const askDelete = ({ note, author, at }: CoachingNoteOnCall) =>
    askQuestion({
      title: t("coaching-delete"),
      text: t("ask-coaching-delete", { author, at: moment(at) }),
      onConfirm: () => void change("/api/coaching-notes/delete", { note }, t("coaching-deleted")),
    });
  return (
    <div class="coaching">
      <h3>{t("coaching-notes")}</h3>
      {isProblem(notes) ? (
        <Alert text={problemText(notes)} />
      ) : (
        <ul>
          {notes?.map((each) => (
            <li key={each.note}>
              <p class="small">
                {t("coaching-written-by", { author: each.author, at: moment(each.at) })}{" "}
                {each.read_at === null ? t("coaching-unread") : t("coaching-read", { at: moment(each.read_at) })}
              </p>
              <p dir="auto">{each.text}</p>
              {!me.value?.signs && (
                <button type="button" disabled={busy} onClick={() => askDelete(each)}>
                  {t("coaching-delete")}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {!me.value?.signs && (
        <form
          onSubmit={(event) => {
            submittedForm(event);
            void write();
          }}
        >
          <label>
            {t("coaching-text", { agent: agentText(call.agent) })}
            <textarea
              rows={3}
              dir="auto"
              required
              maxLength={MOST_CHARACTERS}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <button type="submit" disabled={busy || !text.trim()}>
            {t("coaching-write")}
          </button>
        </form>
      )}
    </div>
  );
}
