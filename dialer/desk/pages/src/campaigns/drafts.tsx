// The list of saved drafts of campaigns, with what is still to do before each can be saved as a campaign.
import { Alert, askQuestion, problemText, Section, ServerText, showNotice } from "../shared/parts";
import { isProblem, me } from "../shared/server";
import type { CampaignsPage, ListedDraft } from "../shared/wire";
import { moment, t } from "../shared/words";
import { continueDraft, deleteDraft, drafts, labelOf } from "./form";

/** What is missing or wrong in a draft, and which calling rules it breaks. */
function OpenPoints({ draft, page }: { draft: ListedDraft; page: CampaignsPage }) {
  const { problems, findings, approved_by: by } = draft.check;
  const missing = page.fields
    .filter(({ name, required }) => required && !(name in draft.values))
    .map(({ name }) => name);
  const wrong = problems.filter(({ field }) => !missing.includes(field));
  const errors = findings.filter(({ level }) => level === "error");
  return (
    <ul class="points">
      {missing.length > 0 && <li>{t("draft-missing", { fields: missing.map(labelOf).join(", ") })}</li>}
      {wrong.map(({ field, text }) => (
        <li key={text.english}>
          {field && `${labelOf(field)}: `}
          <ServerText text={text} />
        </li>
      ))}
      {errors.map(({ text }) => (
        <li key={text.english}>
          {t("finding-error")}: <ServerText text={text} />
        </li>
      ))}
      {problems.length + errors.length === 0 && <li>{t("draft-complete")}</li>}
      {problems.length === 0 && page.needs_approval && (
        <li>{by ? t("draft-approved", { name: by }) : t("draft-not-approved")}</li>
      )}
    </ul>
  );
}

function open(draft: ListedDraft): void {
  continueDraft(draft);
  document.getElementById("campaign-form-title")?.scrollIntoView();
}

const nameOf = ({ edited, values }: ListedDraft) => edited ?? String(values.id ?? "");

function askDelete(draft: ListedDraft): void {
  askQuestion({
    title: t("draft-delete"),
    text: t("ask-draft-delete", { campaign: nameOf(draft) || t("draft-unnamed") }),
    onConfirm: async () => {
      const problem = await deleteDraft(draft);
      showNotice(problem ? problemText(problem) : t("draft-is-deleted"), problem !== null);
    },
  });
}

function Draft({ draft, page }: { draft: ListedDraft; page: CampaignsPage }) {
  const { edited, author, saved_at: at } = draft;
  const name = nameOf(draft);
  return (
    <li class="draft">
      <div>
        <strong>{name || t("draft-unnamed")}</strong>
        <p class="small">{t(edited === null ? "new-campaign" : "draft-edits")}</p>
        <p class="small">{t("draft-saved-by", { name: author, time: moment(at) })}</p>
      </div>
      <OpenPoints draft={draft} page={page} />
      {!me.value?.signs && (
        <div class="row">
          <button type="button" onClick={() => open(draft)}>
            {t("draft-open")}
            <span class="unseen"> {name}</span>
          </button>
          <button type="button" onClick={() => askDelete(draft)}>
            {t("draft-delete")}
            <span class="unseen"> {name}</span>
          </button>
        </div>
      )}
    </li>
  );
}

export function Drafts({ page }: { page: CampaignsPage }) {
  const found = drafts.value;
  if (!found || (!isProblem(found) && !found.length)) return null;
  return (
    <Section id="drafts" title={t("drafts")}>
      {isProblem(found) ? (
        <Alert text={problemText(found)} />
      ) : (
        <ul>
          {found.map((each) => (
            <Draft key={each.draft} draft={each} page={page} />
          ))}
        </ul>
      )}
      <small>{t("drafts-help")}</small>
    </Section>
  );
}
