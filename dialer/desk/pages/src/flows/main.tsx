// The page with the call flows: the list, and one flow with its text, its diagram and a try-out.
import { effect } from "@preact/signals";
import { render } from "preact";
import { Alert, problemText, Section, ServerText, Table } from "../shared/parts";
import { isProblem, loadUser, me } from "../shared/server";
import type { FlowsPage, ListedFlow } from "../shared/wire";
import { count, nameOf, type PlainMessageId, speak, t, word } from "../shared/words";
import { EditingPage, type Links } from "../staff/page";
import { Drawing } from "./drawing";
import { askBeforeLosingChanges, Saving } from "./saving";
import {
  check,
  chooseSpoken,
  closeFlow,
  diagram,
  flowName,
  isChanged,
  loadPage,
  opened,
  openFlow,
  page,
  source,
  spoken,
} from "./state";
import { FlowText, goToLine } from "./text";
import { TryPanel } from "./try_out";
import { clearCall, tryOut } from "./try_state";
import "../shared/base.css";
import "../staff/figures.css";
import "../staff/account.css";
import "../staff/editing.css";
import "./flows.css";

const LINKS: Links = [
  ["to-campaigns", "/campaigns"],
  ["to-board", "/board"],
];

/** Whether calls may use a flow. */
function State({ errors, warnings }: { errors: number; warnings: number }) {
  if (errors) return <span class="status bad">{t("flow-errors", { count: errors })}</span>;
  if (warnings) return <span class="status near">{t("flow-warnings", { count: warnings })}</span>;
  return <span class="status">{t("flow-valid")}</span>;
}

function Row(flow: ListedFlow) {
  return (
    <tr>
      <th scope="row">{flow.name}</th>
      <td lang="en" dir="auto">
        {flow.title}
      </td>
      <td>{word("flow-purpose", flow.purpose)}</td>
      <td>{t(`origin-${flow.origin}`)}</td>
      <td>{flow.used_by.join(", ")}</td>
      <td>
        <State {...flow} />
      </td>
      <td class="right">
        <button type="button" onClick={() => void open(flow.source)}>
          {t("flow-open")}
          <span class="unseen"> {flow.name}</span>
        </button>
      </td>
    </tr>
  );
}

const COLUMNS: PlainMessageId[] = [
  "flow-name",
  "flow-title",
  "flow-purpose",
  "flow-origin",
  "flow-used-by",
  "flow-state",
];

function open(name: string): Promise<void> {
  clearCall();
  return openFlow(name);
}

function List({ flows }: FlowsPage) {
  return (
    <Section id="flows" title={t("flows")}>
      <Table of="flows" names={COLUMNS} unseen="flow-action">
        {flows.map((each) => (
          <Row key={each.source} {...each} />
        ))}
      </Table>
      <small>{t("flows-help")}</small>
    </Section>
  );
}

/** The mistakes that the check found, each with its line. */
function Problems({ onPick }: { onPick: (line: number) => void }) {
  const found = check.value;
  if (!found) return <p>{t("flow-checking")}</p>;
  if (isProblem(found)) return <Alert text={problemText(found)} />;
  if (!found.problems.length) return <p class="status">{t("flow-valid")}</p>;
  return (
    <ul class="findings">
      {found.problems.map(({ level, line, text }) => (
        <li key={`${line} ${text.english}`} class={level}>
          {line > 0 && (
            <button type="button" class="more" onClick={() => onPick(line)}>
              {t("flow-line", { line: count(line) })}
            </button>
          )}
          <ServerText text={text} />
        </li>
      ))}
    </ul>
  );
}

function Opened({ languages }: FlowsPage) {
  const found = opened.value;
  const [call, drawn] = [tryOut.value, diagram.value];
  const current = call && !isProblem(call) && call.expected ? call.node : undefined;
  return (
    <>
      <div class="row">
        <button type="button" onClick={() => askBeforeLosingChanges(leave)}>
          {t("flows-back")}
        </button>
        <label class="row">
          {t("flow-language")}
          <select value={spoken.value} onChange={(event) => chooseSpoken(event.currentTarget.value)}>
            {languages.map((code) => (
              <option key={code} value={code} lang={code}>
                {nameOf(code)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {found && isProblem(found) && <Alert text={problemText(found)} />}
      {found && !isProblem(found) && (
        <div class="opened">
          <div class="stack">
            <Section id="text" title={t("flow-text", { flow: flowName.value })}>
              <FlowText key={source.value} />
              <div aria-live="polite">
                <Problems onPick={goToLine} />
              </div>
              <Saving />
            </Section>
            <TryPanel />
          </div>
          <Section id="drawing" title={t("drawing")}>
            {drawn ? (
              <Drawing diagram={drawn} language={spoken.value} current={current} onPick={goToLine} />
            ) : (
              <p>{t("drawing-none")}</p>
            )}
          </Section>
        </div>
      )}
    </>
  );
}

function leave(): void {
  clearCall();
  closeFlow();
}

function Page() {
  return (
    <EditingPage links={LINKS} found={page.value}>
      {(found) => (source.value ? <Opened {...found} /> : <List {...found} />)}
    </EditingPage>
  );
}

window.addEventListener("beforeunload", (event) => {
  if (isChanged.peek()) event.preventDefault();
});
effect(() => {
  if (me.value && page.peek() === null) void loadPage();
});
void speak(
  import.meta.glob<string>(
    [
      "../../locales/flows/*.ftl",
      "../../locales/board/*.ftl",
      "../../locales/staff/*.ftl",
      "../../locales/server/*.ftl",
    ],
    { query: "?raw", import: "default" },
  ),
);
void loadUser();
render(<Page />, document.getElementById("page")!);
