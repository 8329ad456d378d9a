// The form in which a campaign is added, edited or removed: fields as the settings describe them, the result of the check, and the lines that saving changes.
import { FileChange } from "../board/file_change";
import { Alert, problemText, Section, ServerText, showNotice, submittedForm } from "../shared/parts";
import { isProblem, me } from "../shared/server";
import type { CheckedCampaign, FormField } from "../shared/wire";
import { has, messageOf, moment, t, word } from "../shared/words";
import {
  approveDraft,
  type Change,
  change,
  check,
  draft,
  type Entered,
  enter,
  enteredIn,
  fields,
  isChanged,
  isComplete,
  isSaving,
  labelOf,
  type Period,
  problemsOf,
  savable,
  saveChange,
  saveDraft,
  startNewCampaign,
} from "./form";

/** Return what a field is for, in the user's language or as the settings describe it in English. */
function Help({ field: { name, help }, id }: { field: FormField; id: string }) {
  const own = `help-${name.replaceAll("_", "-")}`;
  return (
    <small id={id} lang={has(own) ? undefined : "en"}>
      {has(own) ? messageOf(own) : help}
    </small>
  );
}

const wordOf = (name: string, value: string) => word(`${name.replaceAll("_", "-")}-is`, value);

function Choices({ field: { name, choices, required, default: preset }, ...rest }: { field: FormField; id: string }) {
  const chosen = enteredIn(name) as string;
  const offered = !chosen || choices.includes(chosen) ? choices : [chosen, ...choices];
  return (
    <select {...rest} value={chosen} onChange={(event) => enter(name, event.currentTarget.value)}>
      {!required && !preset && <option value="">{t("not-set")}</option>}
      {offered.map((each) => (
        <option key={each} value={each}>
          {wordOf(name, each)}
        </option>
      ))}
    </select>
  );
}

/** Check boxes. The order in which they are ticked is the order of the list. */
function List({ name, choices }: FormField) {
  const chosen = enteredIn(name) as string[];
  return (
    <div class="row">
      {choices.map((each) => (
        <label key={each} class="tick">
          <input
            type="checkbox"
            checked={chosen.includes(each)}
            onChange={(event) =>
              enter(name, event.currentTarget.checked ? [...chosen, each] : chosen.filter((other) => other !== each))
            }
          />
          {each}
        </label>
      ))}
    </div>
  );
}

function Hours({ name }: FormField) {
  const periods = enteredIn(name) as Period[];
  const change = (place: number, part: Partial<Period>) =>
    enter(
      name,
      periods.map((each, index) => (index === place ? { ...each, ...part } : each)),
    );
  return (
    <div class="periods">
      {periods.map(({ start, until }, place) => (
        <div class="row" key={place}>
          <input
            type="time"
            required
            aria-label={t("hours-start")}
            value={start}
            onChange={(event) => change(place, { start: event.currentTarget.value })}
          />
          –
          <input
            type="time"
            required
            aria-label={t("hours-until")}
            value={until}
            onChange={(event) => change(place, { until: event.currentTarget.value })}
          />
          {periods.length > 1 && (
            <button
              type="button"
              onClick={() =>
                enter(
                  name,
                  periods.filter((_, index) => index !== place),
                )
              }
            >
              {t("hours-remove")}
            </button>
          )}
        </div>
      ))}
      <button type="button" onClick={() => enter(name, [...periods, { start: "", until: "" }])}>
        {t("hours-add")}
      </button>
    </div>
  );
}

function Field(field: FormField) {
  const { name, type, required } = field;
  const wrong = problemsOf(name);
  const [id, help] = [`field-${name}`, `help-${name}`];
  const described = { id, "aria-describedby": help, "aria-invalid": wrong.length > 0 };
  const typed = (event: { currentTarget: HTMLInputElement }) => enter(name, event.currentTarget.value as Entered);
  const isGroup = type === "list" || type === "hours";
  const body = (
    <>
      {type === "list" && <List {...field} />}
      {type === "hours" && <Hours {...field} />}
      {type === "choice" && <Choices field={field} {...described} />}
      {type === "number" && (
        <input
          {...described}
          type="number"
          inputMode={field.whole ? "numeric" : "decimal"}
          min={field.least ?? undefined}
          max={field.most ?? undefined}
          step={field.whole ? 1 : "any"}
          value={enteredIn(name) as string}
          onInput={typed}
        />
      )}
      {type === "text" && (
        <input
          {...described}
          required={required}
          readOnly={name === "id" && change.value.kind === "edit"}
          autocomplete="off"
          spellcheck={false}
          dir="auto"
          value={enteredIn(name) as string}
          onInput={typed}
        />
      )}
      <Help field={field} id={help} />
      {wrong.map((text) => (
        <p key={text.english} class="problem" role="alert">
          <ServerText text={text} />
        </p>
      ))}
    </>
  );
  if (isGroup)
    return (
      <fieldset aria-describedby={help}>
        <legend>{labelOf(name)}</legend>
        {body}
      </fieldset>
    );
  return (
    <div class="field">
      <label for={id}>{labelOf(name)}</label>
      {body}
    </div>
  );
}

/** What the check says: whether the campaign may call, what to correct, and what the file will contain. */
function Result({ found, file }: { found: CheckedCampaign; file: string }) {
  const { findings } = found;
  return (
    <>
      {findings.length > 0 && <h3>{t("rules-say")}</h3>}
      <ul class="findings">
        {findings.map(({ level, text }) => (
          <li key={text.english} class={level}>
            <strong>{t(`finding-${level}`)}</strong>
            <ServerText text={text} />
          </li>
        ))}
      </ul>
      <FileChange found={found} file={file} />
    </>
  );
}

async function save({ kind }: Change, campaign: string): Promise<void> {
  const answer = await saveChange();
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else if (answer.status === "done") showNotice(t(`campaign-saved-${kind}`, { campaign }));
  else if (answer.status === "refused") showNotice(t("change-refused", { text: answer.text }), true);
  else showNotice(t("change-unanswered"), true);
}

async function saveAsDraft(): Promise<void> {
  const problem = await saveDraft();
  showNotice(problem ? problemText(problem) : t("draft-is-saved"), problem !== null);
}

async function approve(): Promise<void> {
  const problem = await approveDraft();
  showNotice(problem ? problemText(problem) : t("draft-is-approved"), problem !== null);
}

/** Who must approve the change in the form, or has approved it, with the button to approve a draft of somebody else. */
function Approval() {
  const found = savable.value;
  if (found?.approved_by) return <p>{t("approval-given", { name: found.approved_by })}</p>;
  if (!draft.value || isChanged.value) return <p>{t("approval-needed")}</p>;
  if (draft.value.author === me.value?.name) return <p>{t("approval-awaited")}</p>;
  return (
    <>
      <p>{t("approval-yours", { name: draft.value.author })}</p>
      <div class="row">
        <button
          type="button"
          class="main"
          disabled={!found?.difference || isSaving.value}
          onClick={() => void approve()}
        >
          {t("draft-approve")}
        </button>
      </div>
    </>
  );
}

const TITLES = { add: "new-campaign", edit: "edit-campaign", remove: "remove-campaign" } as const;

export function CampaignForm({ file, needsApproval }: { file: string; needsApproval: boolean }) {
  const found = check.value;
  const { kind } = change.value;
  const mustBeApproved = needsApproval && kind !== "remove";
  const campaign = kind === "add" ? (enteredIn("id") as string) : change.value.campaign;
  const isPermitted = !mustBeApproved || Boolean(savable.value?.approved_by);
  const canSave = Boolean(savable.value?.difference) && isPermitted && !isSaving.value;
  const submit = (event: Event) => {
    submittedForm(event);
    if (canSave) void save(change.value, campaign);
  };
  return (
    <Section id="campaign-form" title={t(TITLES[kind], { campaign })}>
      <form class="setup" onSubmit={submit}>
        {kind !== "remove" && (
          <div class="settings">
            {fields.value.map((field) => (
              <Field key={field.name} {...field} />
            ))}
          </div>
        )}
        <div class="check" aria-live="polite">
          {draft.value && (
            <p>{t("draft-saved-by", { name: draft.value.author, time: moment(draft.value.saved_at) })}</p>
          )}
          {!isComplete.value && <p>{t("check-incomplete")}</p>}
          {isComplete.value && !found && <p>{t("check-running")}</p>}
          {found && isProblem(found) && <Alert text={problemText(found)} />}
          {found && !isProblem(found) && found.problems.length > 0 && <Alert text={t("check-problems")} />}
          {problemsOf("").map((text) => (
            <p key={text.english} class="problem">
              <ServerText text={text} />
            </p>
          ))}
          {savable.value && <Result found={savable.value} file={file} />}
          {mustBeApproved && <Approval />}
          <div class="row">
            <button type="submit" class="main" disabled={!canSave}>
              {t(kind === "remove" ? "campaign-remove" : "campaign-save")}
            </button>
            {kind !== "remove" && (
              <button type="button" disabled={!isChanged.value || isSaving.value} onClick={() => void saveAsDraft()}>
                {t("draft-save")}
              </button>
            )}
            {(kind !== "add" || draft.value) && (
              <button type="button" onClick={startNewCampaign}>
                {t("cancel")}
              </button>
            )}
          </div>
          <small>{t(`campaign-help-${kind}`)}</small>
        </div>
      </form>
    </Section>
  );
}
