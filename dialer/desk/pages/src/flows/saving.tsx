// The part of the page below the text of a flow: copying the flow, the lines that saving changes, saving, and discarding changes.
import { Alert, askQuestion, problemText, showNotice } from "../shared/parts";
import { isProblem, me } from "../shared/server";
import { t } from "../shared/words";
import { check, copyFlow, flowName, isChanged, isEditable, isSavable, openFlow, page, saveFlow, source } from "./state";
import { clearCall } from "./try_state";

async function save(): Promise<void> {
  const flow = flowName.value;
  const answer = await saveFlow();
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else if (answer.status === "done") showNotice(t("flow-saved", { flow }));
  else if (answer.status === "refused") showNotice(t("flow-refused", { text: answer.text }), true);
  else showNotice(t("flow-unanswered", { flow }), true);
}

/** Run an action that discards unsaved changes. If there are any, the user is asked first. */
export function askBeforeLosingChanges(action: () => void): void {
  if (!isChanged.value) return action();
  const text = t("ask-flow-discard", { flow: flowName.value });
  askQuestion({ title: t("flow-discard"), text, grave: true, onConfirm: action });
}

const copy = (folder: string) =>
  askQuestion({
    title: t("flow-copy"),
    text: t("flow-copy-text", { folder }),
    line: { label: t("flow-copy-name"), most: 40 },
    onConfirm: (name) => {
      clearCall();
      void copyFlow(name.trim()).then((problem) => {
        if (problem === "taken") showNotice(t("flow-copy-taken", { flow: name }), true);
        else if (problem) showNotice(t("flow-copy-wrong"), true);
      });
    },
  });

/** The lines that saving changes in the file. */
function Difference({ lines }: { lines: string[] }) {
  return (
    <>
      <h3>{t("flow-changes")}</h3>
      <pre class="difference" lang="en" dir="ltr" tabIndex={0}>
        {lines.map((line, place) => {
          const Kind = line.startsWith("+") ? "ins" : line.startsWith("-") ? "del" : "span";
          return <Kind key={place}>{`${line}\n`}</Kind>;
        })}
      </pre>
    </>
  );
}

export function Saving() {
  const [shown, found] = [page.value, check.value];
  const folder = shown && !isProblem(shown) ? shown.folder : null;
  if (me.value?.signs) return <p>{t("commands-signed")}</p>;
  if (folder === null) return <p>{t("flow-no-folder")}</p>;
  const lines = found && !isProblem(found) ? found.difference : [];
  return (
    <>
      {!isEditable.value && <p>{t("flow-read-only")}</p>}
      {isEditable.value && !isChanged.value && <p>{t("flow-unchanged")}</p>}
      {isChanged.value && found && isProblem(found) && <Alert text={problemText(found)} />}
      {isChanged.value && lines.length > 0 && <Difference lines={lines} />}
      <div class="row">
        {isEditable.value && (
          <button type="button" class="main" disabled={!isSavable.value} onClick={() => void save()}>
            {t("flow-save")}
          </button>
        )}
        {isChanged.value && (
          <button type="button" onClick={() => askBeforeLosingChanges(() => void openFlow(source.value))}>
            {t("flow-discard")}
          </button>
        )}
        <button type="button" onClick={() => copy(folder)}>
          {t("flow-copy")}
        </button>
      </div>
      {isEditable.value && <small>{t("flow-save-help", { file: source.value })}</small>}
    </>
  );
}
