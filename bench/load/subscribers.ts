/** The subscribers' process: many connections that follow wallets and count what they are told. */

import { codeName } from "../../protocol/codes.ts";
import { WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { DELTA, DELTA_BYTES, DELTA_FLAG } from "../../protocol/result-record.ts";
import {
  FRAME,
  FRAME_TYPE,
  SUBSCRIPTION,
  SUBSCRIPTION_BYTES,
  TOPIC,
  writeFrameHeader,
} from "../../protocol/wire-frame.ts";
import { OPCODE } from "./frame-stream.ts";
import { epochMs } from "./meter.ts";
import { type DeltaSample, followedWallet, type SubscriberJob, type SubscriberReply } from "./subscription.ts";
import { clientFrame, WebSocketLink } from "./websocket-link.ts";

const SAMPLE_INTERVAL_MS = 20;
/** Connections opened at once, so that the server's backlog is not the test. */
const OPENING_MAX = 20;

const counts = { deltas: 0, conflated: 0, subscribed: 0 };
const samples: DeltaSample[] = [];

function reply(message: SubscriberReply): void {
  process.send?.(message);
}

function onMessage(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const frameBytes = uint32(bytes, at + FRAME.frameBytes);
    if (frameBytes < WIRE_HEADER_BYTES) throw new Error(`a frame of ${frameBytes} bytes`);
    switch (bytes[at + FRAME.type]) {
      case FRAME_TYPE.Deltas:
        countDeltas(bytes, at + WIRE_HEADER_BYTES, at + frameBytes);
        break;
      case FRAME_TYPE.Subscribed:
        counts.subscribed += uint32(bytes, at + FRAME.count);
        break;
      case FRAME_TYPE.Error:
        throw new Error(codeName(bytes[at + FRAME.code] | (bytes[at + FRAME.code + 1] << 8)));
      default:
    }
    at += frameBytes;
  }
}

function countDeltas(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at += DELTA_BYTES) {
    const flags = bytes[at + DELTA.flags];
    if ((flags & DELTA_FLAG.state) !== 0) continue;
    counts.deltas += 1;
    if ((flags & DELTA_FLAG.conflated) !== 0) counts.conflated += 1;
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** A Subscribe message for all wallets of one connection. */
function subscribeMessage(job: SubscriberJob, connection: number): Uint8Array {
  const frame = new Uint8Array(WIRE_HEADER_BYTES + job.walletsEach * SUBSCRIPTION_BYTES);
  const type = FRAME_TYPE.Subscribe;
  const { byteLength: frameBytes } = frame;
  writeFrameHeader(new DataView(frame.buffer), 0, { frameBytes, type, requestId: 1, count: job.walletsEach });
  for (let nth = 0; nth < job.walletsEach; nth += 1) {
    const wallet = followedWallet(connection, nth, job.walletsEach, job.wallets.byteLength / 16) * 16;
    const at = WIRE_HEADER_BYTES + nth * SUBSCRIPTION_BYTES;
    frame.set(job.wallets.subarray(wallet, wallet + 16), at + SUBSCRIPTION.id);
    frame[at + SUBSCRIPTION.topic] = TOPIC.wallet;
  }
  return clientFrame(OPCODE.binary, frame);
}

async function subscribeAll(job: SubscriberJob): Promise<void> {
  const lost = (error: Error): void => reply({ error: `a subscriber was lost: ${error.message}` });
  const openOne = async (connection: number): Promise<void> => {
    const link = await WebSocketLink.open(job.endpoint, "mizan.binary.v1", {
      readBegins: () => {},
      message: onMessage,
      readEnds: () => {},
      lost,
    });
    link.write(subscribeMessage(job, connection));
  };
  for (let first = 0; first < job.connections; first += OPENING_MAX) {
    const opening = Array.from({ length: Math.min(OPENING_MAX, job.connections - first) }, (_, i) =>
      openOne(first + i),
    );
    await Promise.all(opening);
  }
  const wanted = job.connections * job.walletsEach;
  let isReady = false;
  setInterval(() => {
    const cpu = process.cpuUsage();
    samples.push({ atMs: epochMs(), deltas: counts.deltas, cpuMs: (cpu.user + cpu.system) / 1_000 });
    if (isReady || counts.subscribed < wanted) return;
    isReady = true;
    reply({ ready: true });
  }, SAMPLE_INTERVAL_MS);
}

process.once("disconnect", () => process.exit(0));
process.on("message", (message: SubscriberJob | "report") => {
  if (message === "report") reply({ report: { deltas: counts.deltas, conflated: counts.conflated, samples } });
  else subscribeAll(message).catch((error: Error) => reply({ error: error.message }));
});
