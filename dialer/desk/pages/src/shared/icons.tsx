// The pages' icons: one stroke width, 24 by 24. They are decoration: the text next to them, or a label, says the same.

const PATHS = {
  hangUp: "M2.5 14C7.5 8.5 16.5 8.5 21.5 14l-2.5 3.5-4.5-2v-3a11 11 0 0 0-5 0v3L5 17.5z",
  hold: "M9 5v14M15 5v14",
  logOff: "M13 4H6v16h7M10 12h11M17 8l4 4-4 4",
  microphone: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5 11a7 7 0 0 0 14 0M12 18v3",
  muted:
    "M9 9v2a3 3 0 0 0 5 2.2M15 10V6a3 3 0 0 0-5.8-1M5 11a7 7 0 0 0 11 5.7M19 11a7 7 0 0 1-.6 2.8M12 18v3M4 4l16 16",
  more: "M4 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0zM11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0zM18 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0z",
  phone: "M5 4h4l2 5-2.5 1.5a12 12 0 0 0 5 5L15 13l5 2v4c-9 1-16-6-15-15z",
  resume: "M8 5l11 7-11 7z",
};
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
