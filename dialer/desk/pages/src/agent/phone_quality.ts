// The quality of the browser phone's connection, measured from WebRTC statistics every few seconds of a call.
import { signal } from "@preact/signals";

export interface Quality {
  level: "good" | "unstable" | "poor";
  /** The worse direction's share of lost packets (0-1). */
  loss: number;
  /** The worse direction's variation of the packets' delay (seconds). */
  jitter: number;
  /** Seconds to Asterisk and back; null = Asterisk has not reported it. */
  roundTrip: number | null;
}

/** null = no call, or not measured yet. */
export const quality = signal<Quality | null>(null);

const EVERY_MILLISECONDS = 5000;
/** Loss that G.711 speech shows; jitter that a usual jitter buffer takes; twice the one-way delays of ITU-T G.114. */
const UNSTABLE = { loss: 0.02, jitter: 0.03, roundTrip: 0.3 };
const POOR = { loss: 0.05, jitter: 0.06, roundTrip: 0.8 };

export function judge(loss: number, jitter: number, roundTrip: number | null): Quality["level"] {
  const isAbove = (limit: typeof POOR) =>
    loss > limit.loss || jitter > limit.jitter || (roundTrip ?? 0) > limit.roundTrip;
  return isAbove(POOR) ? "poor" : isAbove(UNSTABLE) ? "unstable" : "good";
}

/** Measure a call until the returned function is called. */
export function measureQuality(connection: RTCPeerConnection): () => void {
  let lost = 0;
  let received = 0;
  const measure = async () => {
    let own: RTCInboundRtpStreamStats | undefined;
    let remote: { fractionLost?: number; jitter?: number; roundTripTime?: number } = {};
    for (const report of (await connection.getStats()).values() as Iterable<RTCStats>) {
      if (report.type === "inbound-rtp") own = report as RTCInboundRtpStreamStats;
      if (report.type === "remote-inbound-rtp") remote = report as typeof remote;
    }
    if (!own || connection.connectionState === "closed") return;
    const [nowLost, nowReceived] = [(own.packetsLost ?? 0) - lost, (own.packetsReceived ?? 0) - received];
    lost += nowLost;
    received += nowReceived;
    // A negative number of lost packets means that late ones arrived. No packet at all is left to the phone's own state.
    const ownLoss = nowReceived > 0 ? Math.max(0, nowLost) / (Math.max(0, nowLost) + nowReceived) : 0;
    const loss = Math.max(ownLoss, remote.fractionLost ?? 0);
    const jitter = Math.max(own.jitter ?? 0, remote.jitter ?? 0);
    const roundTrip = remote.roundTripTime ?? null;
    quality.value = { level: judge(loss, jitter, roundTrip), loss, jitter, roundTrip };
  };
  const timer = setInterval(() => void measure(), EVERY_MILLISECONDS);
  return () => {
    clearInterval(timer);
    quality.value = null;
  };
}
