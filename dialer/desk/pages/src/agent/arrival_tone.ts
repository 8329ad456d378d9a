// A short tone in the headset when a call arrives, for agents with a browser phone. Off until the agent chooses one.
import { computed, effect, signal, untracked } from "@preact/signals";
import { chosen } from "./phone";
import { me, pop } from "./state";

/** The frequency of each tone (hertz). */
const TONES = { low: 440, high: 880 };
export const TONE_NAMES = ["none", "low", "high"] as const;
type Tone = (typeof TONE_NAMES)[number];
const STORAGE_KEY = "phone-tone";
const SECONDS = 0.25;
const LOUDNESS = 0.2; // of 1

const stored = localStorage.getItem(STORAGE_KEY);
/** The chosen tone. */
export const tone = signal<Tone>(TONE_NAMES.find((each) => each === stored) ?? "none");

let audio: (AudioContext & { setSinkId?: (id: string) => Promise<void> }) | undefined;

/** Play the chosen tone on the chosen loudspeaker. */
async function play(): Promise<void> {
  const name = tone.peek();
  if (name === "none") return;
  audio ??= new AudioContext();
  await audio.setSinkId?.(chosen.peek().speaker).catch(() => undefined); // otherwise on the default one
  const [oscillator, volume] = [audio.createOscillator(), audio.createGain()];
  oscillator.frequency.value = TONES[name];
  volume.gain.value = LOUDNESS;
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start();
  oscillator.stop(audio.currentTime + SECONDS);
}

/** Choose a tone, and play it once. */
export function chooseTone(name: Tone): void {
  localStorage.setItem(STORAGE_KEY, name);
  tone.value = name;
  void play();
}

const attempt = computed(() => pop()?.attempt ?? "");
effect(() => {
  if (attempt.value) untracked(() => me.value?.phone === "browser" && void play());
});
