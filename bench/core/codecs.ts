import { binaryCodec } from "../../client/binary-codec.ts";
import type { NamedCommand } from "../../client/commands.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { check } from "../../protocol/json-fault.ts";
import { jsonRequest } from "../../protocol/json-requests.ts";
import { WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { RESULT, RESULT_DETAIL_BYTES } from "../../protocol/result-record.ts";
import { FRAME_FLAG, FRAME_TYPE, writeFrameHeader } from "../../protocol/wire-frame.ts";
import type { CoreOutcome } from "./core-job.ts";
import { type Sample, sample } from "./sample.ts";

const COMMANDS = 100;

/** Results as a ledger answers them, with balances. */
function resultsMessage(): ArrayBuffer {
  const frameBytes = WIRE_HEADER_BYTES + COMMANDS * RESULT_DETAIL_BYTES;
  const view = new DataView(new ArrayBuffer(frameBytes));
  const type = FRAME_TYPE.Results;
  writeFrameHeader(view, 0, { frameBytes, type, flags: FRAME_FLAG.details, requestId: 1, count: COMMANDS });
  for (let at = WIRE_HEADER_BYTES; at < frameBytes; at += RESULT_DETAIL_BYTES) {
    view.setUint32(at + RESULT.sequence, 123_456, true);
    view.setUint32(at + RESULT.postedMinor, 1_000_000, true);
    view.setUint32(at + RESULT.availableMinor, 1_000_000, true);
    view.setUint32(at + RESULT.version, 12_345, true);
  }
  return view.buffer;
}

function transfers(): NamedCommand[] {
  const ids = new UuidV7();
  return Array.from({ length: COMMANDS }, () => ({
    type: "Transfer",
    commandId: ids.next(),
    fromWalletId: ids.next(),
    toWalletId: ids.next(),
    amountMinor: 1_234,
  }));
}

/**
 * What text and objects cost beside bytes: a message of a hundred transfers written by the client and its results read,
 * in binary; and a single JSON transfer parsed and checked as its schema says.
 */
export function measureCodecs(measureMs: number): CoreOutcome {
  const options = { timeMs: measureMs / 2, iterations: 1, warmupMs: measureMs / 8, warmupIterations: 1 };
  const commands = transfers();
  const results = resultsMessage();
  const binary = sample("binary codec", options, () => {
    binaryCodec.encodeCommands(1, commands);
    binaryCodec.decode(results);
  });
  const [{ commandId: id, ...transfer }] = commands;
  const text = JSON.stringify({ requestId: 1, id, ...transfer });
  const json: Sample = sample("JSON request", options, () => {
    if (!check(jsonRequest, JSON.parse(text)).ok) throw new Error("the transfer is refused by its own schema");
  });
  return {
    rate: binary.callsPerSecond * COMMANDS,
    latency: binary.latency,
    notes: [`JSON, parsed and checked: ${Math.round(json.callsPerSecond).toLocaleString("en-US")} transfers/s`],
  };
}
