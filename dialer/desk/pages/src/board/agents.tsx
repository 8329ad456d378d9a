// The agents of the settings, and a form in which a supervisor adds, edits and removes them. Loaded when first opened.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Alert, problemText, Section, showNotice, submittedForm, Table } from "../shared/parts";
import { isProblem, me, namesOf, value } from "../shared/server";
import type { AgentsPage, ListedAgent, SeatView } from "../shared/wire";
import { nameOf, type PlainMessageId, t, word } from "../shared/words";
import {
  type ChangeKind,
  check,
  closeForm,
  doPinsDiffer,
  enter,
  entered,
  generatedPin,
  isComplete,
  kind,
  loadPage,
  openForm,
  type PinChoice,
  page,
  problemsOf,
  savable,
  saveChange,
} from "./agent_form";
import { FileChange } from "./file_change";
import { OneTimeSecret } from "./one_time_secret";
import "../staff/account.css";
import "../staff/editing.css";
import "../staff/form.css";

/** Return the seat at which an agent is logged in. */
function seatOf(number: string): SeatView | undefined {
  const seats = namesOf("seat").map((name) => value<SeatView>(`seat/${name}`));
  return seats.find((seat) => seat?.agent === number && seat.state !== "offline");
}

/** Open the form, and focus what can be entered first: for a removal, the button that cancels it. */
function open(next: ChangeKind, agent?: ListedAgent): void {
  openForm(next, agent);
  requestAnimationFrame(() => {
    window.scrollTo({ top: 0 });
    document.querySelector<HTMLElement>(".setup :is(input:not([readonly]), button[type=button])")?.focus();
  });
}

function Language({ code }: { code: string }) {
  return <span lang={code}>{nameOf(code)}</span>;
}

function Row(agent: ListedAgent) {
  const { number, full_name: name, languages, skills, editable } = agent;
  const seat = seatOf(number);
  return (
    <tr>
      <th scope="row">{number}</th>
      <td dir="auto">{name || "–"}</td>
      <td>
        {languages.length
          ? languages.map((code, place) => [place ? ", " : "", <Language key={code} code={code} />])
          : t("agent-languages-of-seat")}
      </td>
      <td>{skills.join(", ") || "–"}</td>
      <td>{seat ? t("agent-at-seat", { seat: seat.seat, state: word("seat", seat.state) }) : "–"}</td>
      <td class="right">
        {editable &&
          !me.value?.signs &&
          (["edit", "remove"] as const).map((each) => (
            <button key={each} type="button" onClick={() => open(each, agent)}>
              {t(`agent-${each}`)}
              <span class="unseen"> {number}</span>
            </button>
          ))}
      </td>
    </tr>
  );
}

const COLUMNS: PlainMessageId[] = [
  "agent-number",
  "agent-full-name",
  "agent-languages",
  "agent-skills",
  "agent-logged-in",
];

function List({ agents, file, settings_file: settings }: AgentsPage) {
  const canAdd = file !== null && !me.value?.signs;
  return (
    <Section
      id="agents"
      title={t("agents")}
      aside={
        canAdd && (
          <button type="button" onClick={() => open("add")}>
            {t("agent-add")}
          </button>
        )
      }
    >
      <Table of="agents" names={COLUMNS} unseen="agent-actions">
        {agents.map((each) => (
          <Row key={each.number} {...each} />
        ))}
      </Table>
      {canAdd && agents.some((each) => !each.editable) && <small>{t("agents-read-only", { file: settings })}</small>}
    </Section>
  );
}

function Problems({ field }: { field: string }) {
  return problemsOf(field).map((text) => (
    <p key={text} class="problem" role="alert" lang="en">
      {text}
    </p>
  ));
}

function TextField({ name, help }: { name: "number" | "full_name"; help: string }) {
  const id = `agent-${name}`;
  return (
    <div class="field">
      <label for={id}>{t(name === "number" ? "agent-number" : "agent-full-name")}</label>
      <input
        id={id}
        required={name === "number"}
        readOnly={name === "number" && kind.value === "edit"}
        inputMode={name === "number" ? "numeric" : "text"}
        maxLength={name === "number" ? 10 : 60}
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        aria-describedby={`${id}-help`}
        aria-invalid={problemsOf(name).length > 0}
        value={entered.value[name]}
        onInput={(event) => enter({ [name]: event.currentTarget.value })}
      />
      <small id={`${id}-help`}>{help}</small>
      <Problems field={name} />
    </div>
  );
}

/** Check boxes. The order in which they are ticked is the order of the list. */
function Ticks({ name, choices }: { name: "languages" | "skills"; choices: readonly string[] }) {
  const chosen = entered.value[name];
  const offered = [...choices, ...chosen.filter((each) => !choices.includes(each))];
  return (
    <div class="row">
      {offered.map((each) => (
        <label key={each} class="tick">
          <input
            type="checkbox"
            checked={chosen.includes(each)}
            onChange={(event) =>
              enter({
                [name]: event.currentTarget.checked ? [...chosen, each] : chosen.filter((other) => other !== each),
              })
            }
          />
          {name === "languages" ? <Language code={each} /> : each}
        </label>
      ))}
    </div>
  );
}

const newSkill = signal("");

function NewSkill() {
  const add = () => {
    const skill = newSkill.value.trim();
    if (skill && !entered.value.skills.includes(skill)) enter({ skills: [...entered.value.skills, skill] });
    newSkill.value = "";
  };
  return (
    <div class="row">
      <input
        aria-label={t("agent-skill-new")}
        placeholder={t("agent-skill-new")}
        title={t("agent-skill-new-help")}
        maxLength={32}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={newSkill.value}
        onInput={(event) => (newSkill.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault(); // otherwise Enter would save the form
          add();
        }}
      />
      <button type="button" onClick={add}>
        {t("agent-skill-add")}
      </button>
    </div>
  );
}

function PinField({ id, label, field }: { id: string; label: string; field: "newPin" | "repeatedPin" }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="password"
        inputMode="numeric"
        autocomplete="new-password"
        pattern="[0-9]{4,12}"
        maxLength={12}
        required
        value={entered.value[field]}
        onInput={(event) => enter({ [field]: event.currentTarget.value })}
      />
    </div>
  );
}

function Pin() {
  const choices: PinChoice[] = kind.value === "edit" ? ["keep", "generate", "enter"] : ["generate", "enter"];
  return (
    <>
      <div class="field">
        <label for="agent-pin">{t("agent-pin")}</label>
        <select
          id="agent-pin"
          value={entered.value.pin}
          onChange={(event) => enter({ pin: event.currentTarget.value as PinChoice, newPin: "", repeatedPin: "" })}
        >
          {choices.map((each) => (
            <option key={each} value={each}>
              {t(`agent-pin-${each}`)}
            </option>
          ))}
        </select>
      </div>
      {entered.value.pin === "enter" && (
        <>
          <PinField id="agent-pin-new" label={t("agent-pin-new")} field="newPin" />
          <PinField id="agent-pin-repeat" label={t("agent-pin-repeat")} field="repeatedPin" />
          {doPinsDiffer.value && <Alert text={t("agent-pins-differ")} />}
        </>
      )}
    </>
  );
}

function Fields({ languages, skills }: AgentsPage) {
  return (
    <div class="settings">
      <TextField name="number" help={t("agent-number-help")} />
      <TextField name="full_name" help={t("agent-full-name-help")} />
      <fieldset aria-describedby="agent-languages-help">
        <legend>{t("agent-languages")}</legend>
        <Ticks name="languages" choices={languages} />
        <small id="agent-languages-help">{t("agent-languages-help")}</small>
        <Problems field="languages" />
      </fieldset>
      <fieldset aria-describedby="agent-skills-help">
        <legend>{t("agent-skills")}</legend>
        <Ticks name="skills" choices={skills} />
        <NewSkill />
        <small id="agent-skills-help">{t("agent-skills-help")}</small>
        <Problems field="skills" />
      </fieldset>
      <Pin />
    </div>
  );
}

async function save(done: ChangeKind, agent: string): Promise<void> {
  const answer = await saveChange();
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else if (answer.status === "done") showNotice(t(`agent-saved-${done}`, { agent }));
  else if (answer.status === "refused") showNotice(t("change-refused", { text: answer.text }), true);
  else showNotice(t("change-unanswered"), true);
}

/** The result of the check, and what saving changes for an agent who is logged in. */
function Check({ kind, file }: { kind: ChangeKind; file: string }) {
  const found = check.value;
  const seat = kind === "add" ? undefined : seatOf(entered.value.number);
  return (
    <>
      {!isComplete.value && <p>{t("agent-check-incomplete")}</p>}
      {isComplete.value && !found && <p>{t("agent-check-running")}</p>}
      {found && isProblem(found) && <Alert text={problemText(found)} />}
      {found && !isProblem(found) && found.problems.some(({ field }) => field) && (
        <Alert text={t("agent-check-problems")} />
      )}
      <Problems field="" />
      {found && !isProblem(found) && !found.problems.length && <FileChange found={found} file={file} />}
      {seat && kind !== "add" && <p class="warnings">{t(`agent-is-logged-in-${kind}`, { seat: seat.seat })}</p>}
    </>
  );
}

function Form({ kind, file, shown }: { kind: ChangeKind; file: string; shown: AgentsPage }) {
  const agent = entered.value.number.trim();
  const submit = (event: Event) => {
    submittedForm(event);
    if (savable.value) void save(kind, agent);
  };
  return (
    <Section id="agent-form" title={kind === "add" ? t("agent-add") : t(`agent-title-${kind}`, { agent })}>
      <form class="setup" onSubmit={submit}>
        {kind !== "remove" && <Fields {...shown} />}
        <div class="check" aria-live="polite">
          <Check kind={kind} file={file} />
          <div class="row">
            <button type="submit" class="main" disabled={!savable.value}>
              {t(kind === "remove" ? "agent-remove" : "agent-save")}
            </button>
            <button type="button" onClick={closeForm}>
              {t("cancel")}
            </button>
          </div>
          <small>{t(`agent-help-${kind}`)}</small>
        </div>
      </form>
    </Section>
  );
}

function GeneratedPin() {
  if (!generatedPin.value) return null;
  const { agent, pin } = generatedPin.value;
  return (
    <OneTimeSecret
      title={t("agent-pin-title", { agent })}
      secret={pin}
      help={t("agent-pin-once")}
      copy={t("agent-pin-copy")}
      copied={t("agent-pin-copied")}
      forget={() => (generatedPin.value = null)}
    />
  );
}

export function Agents() {
  useEffect(() => void loadPage(), []);
  const shown = page.value;
  if (!shown) return null;
  if (isProblem(shown))
    return (
      <main>
        <Alert text={problemText(shown)} />
      </main>
    );
  const { file } = shown;
  return (
    <main>
      {me.value?.signs && <p>{t("commands-signed")}</p>}
      {file === null && <Alert text={t("problem-no-agents-file")} />}
      {kind.value && file !== null && <Form kind={kind.value} file={file} shown={shown} />}
      <List {...shown} />
      <GeneratedPin />
    </main>
  );
}
