import { namesOf } from "../shared/server";
import { t } from "../shared/words";
import { asked, chosen } from "./state";

/** The choice of the campaign that is shown. It is stored in the page's address. */
export function CampaignFilter() {
  return (
    <select
      aria-label={t("campaign")}
      value={chosen.value}
      onChange={(event) => (asked.campaign.value = event.currentTarget.value)}
    >
      <option value="">{t("all-campaigns")}</option>
      {namesOf("campaign").map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}
