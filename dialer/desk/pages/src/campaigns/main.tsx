import { effect } from "@preact/signals";
import { render } from "preact";
import { command, may } from "../board/commands";
import { Alert, Section, Table } from "../shared/parts";
import { loadUser, me, subscribeEvents, value } from "../shared/server";
import type { CampaignsPage, CampaignView, ListedCampaign } from "../shared/wire";
import { type PlainMessageId, speak, t, word } from "../shared/words";
import { EditingPage, type Links } from "../staff/page";
import { CampaignForm } from "./campaign_form";
import { Drafts } from "./drafts";
import { type Change, canSimulate, loadPage, page, startChange } from "./form";
import { WhatIf } from "./what_if";
import "../shared/base.css";
import "../staff/figures.css";
import "../staff/account.css";
import "../staff/editing.css";
import "../staff/form.css";
import "./campaigns.css";

const LINKS: Links = [
  ["to-lists", "/board?lists"],
  ["to-board", "/board"],
];

function openForm(kind: Change["kind"], campaign: ListedCampaign): void {
  startChange({ kind, campaign: campaign.id }, campaign.values);
  document.getElementById("campaign-form-title")?.scrollIntoView();
}

function Campaign(campaign: ListedCampaign) {
  const { id, kind, purpose, content, hours, values } = campaign;
  const state = value<CampaignView>(`campaign/${id}`)?.state;
  const usual = state === "running" ? "pause" : "resume";
  return (
    <tr>
      <th scope="row">{id}</th>
      <td>{state ? word("state", state) : "–"}</td>
      <td>{word("kind-is", kind)}</td>
      <td>{word("purpose-is", purpose)}</td>
      <td>{content}</td>
      <td>{hours.join(", ")}</td>
      <td class="right">
        {state && may(usual) && (
          <button type="button" onClick={() => command(usual, { campaign_id: id })}>
            {t(`do-${usual}`)}
            <span class="unseen"> {id}</span>
          </button>
        )}
        {values &&
          !me.value?.signs &&
          (["edit", "remove"] as const).map((each) => (
            <button key={each} type="button" onClick={() => openForm(each, campaign)}>
              {t(`campaign-${each}`)}
              <span class="unseen"> {id}</span>
            </button>
          ))}
      </td>
    </tr>
  );
}

const COLUMNS: PlainMessageId[] = [
  "campaign",
  "campaign-state",
  "field-kind",
  "field-purpose",
  "campaign-content",
  "field-hours",
];

function Setup(page: CampaignsPage) {
  const { campaigns, file } = page;
  return (
    <>
      <Section id="campaigns" title={t("campaigns")}>
        <Table of="campaigns" names={COLUMNS} unseen="campaign-action">
          {campaigns.map((each) => (
            <Campaign key={each.id} {...each} />
          ))}
        </Table>
        <small>{t("campaigns-help")}</small>
      </Section>
      <Drafts page={page} />
      {me.value?.signs ? (
        <p>{t("commands-signed")}</p>
      ) : file === null ? (
        <Alert text={t("problem-no-campaigns-file")} />
      ) : (
        <>
          <CampaignForm file={file} needsApproval={page.needs_approval} />
          {canSimulate.value && <WhatIf />}
        </>
      )}
    </>
  );
}

function Page() {
  return (
    <EditingPage links={LINKS} found={page.value}>
      {(found) => <Setup {...found} />}
    </EditingPage>
  );
}

let subscribed = false;
effect(() => {
  if (!me.value || subscribed) return;
  subscribed = true;
  subscribeEvents(
    () => "/api/board/events",
    () => Boolean(me.value),
    () => void loadUser(),
  );
  void loadPage();
});
void speak(
  import.meta.glob<string>(
    [
      "../../locales/campaigns/*.ftl",
      "../../locales/board/*.ftl",
      "../../locales/staff/*.ftl",
      "../../locales/server/*.ftl",
    ],
    { query: "?raw", import: "default" },
  ),
);
void loadUser();
render(<Page />, document.getElementById("page")!);
