// The parts of the centre that the board shows: all, or those of one campaign or language.

import { computed } from "@preact/signals";
import { narrowing } from "../shared/address";
import { me, namesOf, value } from "../shared/server";
import type { CampaignView, CentreState, DeskStatus, SeatView } from "../shared/wire";

const NAME = /^[A-Za-z0-9-]{1,64}$/;
export const asked = { campaign: narrowing("campaign", NAME), language: narrowing("language", NAME) };

/** The campaign by which the board is filtered; "" = all. An unknown campaign filters nothing. */
export const chosen = computed(() => (namesOf("campaign").includes(asked.campaign.value) ? asked.campaign.value : ""));

/** Return the languages spoken at a seat now; none = any. */
export const spokenAt = (seat: SeatView) =>
  me.value?.languages.agents[seat.agent ?? ""] ?? me.value?.languages.seats[seat.seat] ?? [];
/** All languages of the settings. */
export const spoken = computed(() => {
  const { seats = {}, agents = {} } = me.value?.languages ?? {};
  return [...new Set([...Object.values(seats), ...Object.values(agents)].flat())].sort();
});
const language = computed(() => (spoken.value.includes(asked.language.value) ? asked.language.value : ""));

export const centre = () => value<CentreState>("centre");
export const desk = () => value<DeskStatus>("desk");

/** Return the campaigns shown. */
export const campaigns = () =>
  namesOf("campaign")
    .filter((name) => !chosen.value || name === chosen.value)
    .flatMap((name) => value<CampaignView>(`campaign/${name}`) ?? []);

/** Return whether a seat is shown: it works for the chosen campaign or for any, and speaks the chosen language. */
export function isShown(seat: SeatView): boolean {
  const serves =
    seat.campaign_id === null
      ? !seat.campaigns.length || seat.campaigns.includes(chosen.value)
      : seat.campaign_id === chosen.value;
  if (chosen.value && !serves) return false;
  const tongues = spokenAt(seat);
  return !language.value || !tongues.length || tongues.includes(language.value);
}

/** Return the seats shown. */
export const seats = () =>
  namesOf("seat")
    .flatMap((name) => value<SeatView>(`seat/${name}`) ?? [])
    .filter(isShown);

/** Counts by state. A missing one is 0. */
export type Counts = Partial<Record<string, number>>;

export const sum = (counts: Counts, states?: readonly string[]) =>
  Object.entries(counts).reduce(
    (whole, [state, count]) => (!states || states.includes(state) ? whole + (count ?? 0) : whole),
    0,
  );

export const together = (every: Counts[]) =>
  every.reduce<Record<string, number>>((whole, each) => {
    for (const [name, count] of Object.entries(each)) whole[name] = (whole[name] ?? 0) + (count ?? 0);
    return whole;
  }, {});
