// The phone in the page: SIP over the desk's WebSocket, audio between browser and Asterisk. Asterisk rings it once an agent has
// signed in; it answers by itself and stays connected, silent between voters.
import { effect, signal } from "@preact/signals";
import type { UA, WebSocketInterface } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { DisconnectEvent, IncomingRTCSessionEvent, UnRegisteredEvent } from "jssip/lib/UA";
import { ask, isProblem } from "../shared/server";
import { measureQuality } from "./phone_quality";

export interface Phone {
  state: "off" | "asking" | "registering" | "ready" | "on-call" | "lost" | "refused";
  /**
   * A code with a message `phone-problem-CODE`. "refused": microphone-refused, no-microphone, microphone-busy, not-secure, taken,
   * signed-out, not-registered, or a problem code of the desk. "lost": no-desk. "on-call": no-desk (the call continues) or
   * microphone-gone.
   */
  problem: string | null;
}
export interface Device {
  id: string;
  label: string;
}

export const phone = signal<Phone>({ state: "off", problem: null });
export const muted = signal(false);
/** The level of the microphone (0-1). */
export const level = signal(0);
/** The level of the voter's voice (0-1). */
export const voterLevel = signal(0);
export const devices = signal<{ microphones: Device[]; speakers: Device[] }>({ microphones: [], speakers: [] });
/** The ids of the chosen devices; "" = the browser's default. */
export const chosen = signal({ microphone: stored("microphone"), speaker: stored("speaker") });

const TAKEN = 4409; // close codes of the desk after which the page must not reconnect (dialer/desk/agents/phone.py)
const SIGNED_OUT = 4401;
const AGAIN_MILLISECONDS = 3000;
const LEVEL_MILLISECONDS = 100;
const ECHO_MILLISECONDS = 10_000;
const HEARD = 0.02; // a level above the noise of a silent call
const PEER = { iceServers: [] }; // none: an unreachable one delays the call by ten seconds or more

let ua: UA | null = null;
let socket: WebSocketInterface | null = null;
let call: RTCSession | null = null;
let echo: RTCSession | null = null;
let microphone: MediaStream | null = null;
let meter: Meter | null = null;
let voterMeter: Meter | null = null;
let started = 0; // counts starts, so that the results of an earlier start are ignored
const speaker = new Audio();
const echoSpeaker = new Audio();

/** Ask for the microphone, register, and answer calls; restart if already started. Never throws: `phone` has the state. */
export async function startPhone(): Promise<void> {
  stopPhone();
  const mine = started;
  setState("asking");
  const stream = await open();
  if (mine !== started) return stream instanceof MediaStream ? close(stream) : undefined;
  if (!(stream instanceof MediaStream)) return setState("refused", stream);
  use(stream);
  void listDevices();
  setState("registering");
  const [given, sip] = await Promise.all([
    ask<{ uri: string; password: string; ws: string }>("POST", "/api/agent/phone", {}),
    import("jssip"),
  ]);
  if (mine !== started) return;
  if (isProblem(given)) return setState(given.problem === "no-desk" ? "lost" : "refused", given.problem);
  socket = new sip.WebSocketInterface(location.origin.replace(/^http/, "ws") + given.ws);
  ua = new sip.UA({
    sockets: [socket],
    uri: given.uri,
    password: given.password,
    contact_uri: `${given.uri.split("@")[0]}@${crypto.randomUUID().slice(0, 8)}.invalid;transport=ws`,
    register_expires: 300,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 8,
    user_agent: "Matdan",
  });
  ua.on("registered", () => stands(null));
  ua.on("registrationFailed", (event: UnRegisteredEvent) => {
    if (event.response) return refuse("not-registered");
    stands("no-desk");
    setTimeout(() => mine === started && ua?.isConnected() && ua.register(), AGAIN_MILLISECONDS);
  });
  ua.on("disconnected", (event: DisconnectEvent) => {
    if (event.code === TAKEN) refuse("taken");
    else if (event.code === SIGNED_OUT) refuse("signed-out");
    else stands("no-desk");
  });
  ua.on("newRTCSession", (event: IncomingRTCSessionEvent | { originator: "local"; session: RTCSession }) => {
    if (event.originator !== "local") answer(event.session);
  });
  ua.start();
}

/**
 * Hang up and unregister. A page that closes does neither, because it cannot know whether a voter has just been connected: after a
 * reload the new page replaces the old call, and a page that does not return is detected by its silence.
 */
export function stopPhone(): void {
  started += 1;
  echo?.terminate();
  const former = ua;
  ua = call = echo = null;
  if (socket) socket.connect = () => undefined; // JsSIP would reconnect and take the phone from the page that has it now
  former?.stop(); // sends BYE for each call and unregisters, so the dialler knows at once
  meter?.close();
  voterMeter?.close();
  meter = voterMeter = null;
  if (microphone) close(microphone);
  microphone = null;
  level.value = voterLevel.value = 0;
  if (phone.value.state !== "off") setState("off");
}

function refuse(problem: string): void {
  stopPhone();
  setState("refused", problem);
}

function setState(state: Phone["state"], problem: string | null = null): void {
  phone.value = { state, problem };
}

/** Update the state after any change of call, registration or socket. */
function stands(problem: string | null): void {
  if (!ua) return;
  if (call) setState("on-call", problem);
  else if (ua.isRegistered()) setState("ready");
  else setState("lost", problem ?? "no-desk");
}

// Calls

function answer(session: RTCSession): void {
  const former = call; // its end was not received: Asterisk rings only a phone that is not connected
  call = session;
  follow(session, speaker, () => {
    if (call !== session) return;
    call = null;
    stands(null);
  });
  let stopMeasuring: () => void = () => undefined;
  session.on("confirmed", () => {
    stands(null);
    stopMeasuring = measureQuality(session.connection);
  });
  session.on("ended", () => stopMeasuring());
  session.on("failed", () => stopMeasuring());
  session.answer({ mediaStream: microphone!, pcConfig: PEER });
  if (former && !former.isEnded()) former.terminate();
}

function follow(session: RTCSession, heardBy: HTMLAudioElement, over: () => void): void {
  const subscribeEvents = (peer: RTCPeerConnection) =>
    peer.addEventListener("track", ({ track }) => {
      const stream = new MediaStream([track]);
      heardBy.srcObject = stream;
      if (heardBy === speaker) {
        voterMeter?.close();
        voterMeter = new Meter(stream, (loud) => (voterLevel.value = loud));
      }
      void heardBy.play().catch(() => undefined); // a page with microphone permission may play without a click
    });
  session.on("peerconnection", ({ peerconnection }) => subscribeEvents(peerconnection));
  if (session.connection) subscribeEvents(session.connection);
  session.on("icecandidate", ({ ready }) => ready()); // the first local address is enough: Asterisk learns the others
  session.on("ended", over);
  session.on("failed", over);
}

/** Play the agent's own voice back through Asterisk. Rejects with "no-echo" after ten silent seconds, or with "not-ready". */
export function checkEcho(): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!ua?.isRegistered() || !microphone || echo) return reject(new Error("not-ready"));
    let heard: Meter | null = null;
    let came = false;
    const session = ua.call("echo", { mediaStream: microphone, pcConfig: PEER });
    echo = session;
    const timer = setTimeout(() => session.terminate(), ECHO_MILLISECONDS);
    follow(session, echoSpeaker, () => {
      clearTimeout(timer);
      heard?.close();
      echo = null;
      if (came) resolve();
      else reject(new Error("no-echo"));
    });
    session.on("confirmed", () => {
      heard = new Meter(echoSpeaker.srcObject as MediaStream, (loud) => {
        if (loud < HEARD || came) return;
        came = true;
        setTimeout(() => !session.isEnded() && session.terminate(), AGAIN_MILLISECONDS); // let the agent hear it for a while
      });
    });
  });
}

// The microphone. Its track is not stopped while it is sent: Asterisk disconnects a phone without audio.

effect(() => {
  const on = !muted.value;
  for (const track of microphone?.getTracks() ?? []) track.enabled = on;
});

async function open(): Promise<MediaStream | string> {
  if (!navigator.mediaDevices) return "not-secure";
  const id = chosen.peek().microphone;
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: id ? { deviceId: { ideal: id } } : true });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    return { NotFoundError: "no-microphone", NotReadableError: "microphone-busy" }[name] ?? "microphone-refused";
  }
}

function use(stream: MediaStream): void {
  const former = microphone;
  microphone = stream;
  const track = stream.getAudioTracks()[0]!;
  track.enabled = !muted.peek();
  track.onended = () => void replace(); // it was unplugged
  for (const session of [call, echo]) void session?.connection?.getSenders()[0]?.replaceTrack(track);
  meter?.close();
  meter = new Meter(stream, (loud) => (level.value = track.enabled ? loud : 0));
  if (former) close(former);
}

async function replace(): Promise<void> {
  if (!microphone) return;
  const mine = started;
  const stream = await open();
  if (mine !== started) return stream instanceof MediaStream ? close(stream) : undefined;
  if (stream instanceof MediaStream) use(stream);
  else phone.value = { ...phone.value, problem: "microphone-gone" };
}

function close(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

/** Send the voice of another microphone, also during a call. */
export async function useMicrophone(id: string): Promise<void> {
  choose("microphone", id);
  await replace();
}

/** Play the voice on another loudspeaker, also during a call. Return whether the browser can use it. */
export async function useSpeaker(id: string): Promise<boolean> {
  try {
    await Promise.all([speaker, echoSpeaker].map((each) => each.setSinkId?.(id)));
  } catch {
    chosen.value = { ...chosen.peek() }; // shows the former choice again
    return false;
  }
  choose("speaker", id);
  return true;
}

async function listDevices(): Promise<void> {
  const all = await navigator.mediaDevices.enumerateDevices();
  const of = (kind: string) =>
    all.filter((each) => each.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, label }));
  devices.value = { microphones: of("audioinput"), speakers: of("audiooutput") };
  const { speaker: id } = chosen.peek();
  if (id && devices.value.speakers.some((each) => each.id === id)) await useSpeaker(id);
}
navigator.mediaDevices?.addEventListener("devicechange", () => void (microphone && listDevices()));

function choose(what: "microphone" | "speaker", id: string): void {
  chosen.value = { ...chosen.peek(), [what]: id };
  try {
    localStorage.setItem(`phone-${what}`, id);
  } catch {
    // the choice then lasts for this page only
  }
}

function stored(what: string): string {
  try {
    return localStorage.getItem(`phone-${what}`) ?? "";
  } catch {
    return "";
  }
}

/** The page's only audio context: opening another one can block the page for seconds. */
let sound: AudioContext | null = null;

/** Reports the level of a stream (0-1) ten times a second while the page is visible. */
class Meter {
  private readonly source: MediaStreamAudioSourceNode;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(stream: MediaStream, told: (loud: number) => void) {
    sound ??= new AudioContext();
    const analyser = sound.createAnalyser();
    this.source = sound.createMediaStreamSource(stream);
    this.source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, each) => sum + each * each, 0) / samples.length;
      told(Math.min(1, Math.sqrt(power) * 4)); // speech close to a microphone is about 0.1 to 0.25
    }, LEVEL_MILLISECONDS);
  }

  close(): void {
    clearInterval(this.timer);
    this.source.disconnect();
  }
}
