/** PROTOCOL.md says what the code does: its tables, its limits and its example are checked against it. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CODES } from "./codes.ts";
import { countRecords, OPERATION } from "./command-record.ts";
import { check } from "./json-fault.ts";
import { jsonQuery, jsonRequest } from "./json-requests.ts";
import * as limits from "./limits.ts";
import { RESULT, RESULT_BYTES } from "./result-record.ts";
import { FRAME, FRAME_TYPE } from "./wire-frame.ts";

const page = readFileSync(new URL("PROTOCOL.md", import.meta.url), "utf8");

/** The frames that the page shows byte by byte, by the name of their type. */
function examples(): Record<string, Buffer> {
  const frames = [...page.matchAll(/^```\n([0-9a-f \n]+)```$/gm)].map(([, hex]) =>
    Buffer.from(hex.replace(/\s/g, ""), "hex"),
  );
  const nameOf = (type: number) => Object.entries(FRAME_TYPE).find(([, number]) => number === type)?.[0];
  return Object.fromEntries(frames.map((frame) => [nameOf(frame[FRAME.type]), frame]));
}

const typeOf = ({ type }: { readonly type: string }): string => type;

describe("PROTOCOL.md", () => {
  test("has a row for each code, with its number, HTTP status, memory and meaning, and no other", () => {
    const rows = [...page.matchAll(/^\| (\d+) \| `(\w+)` \| (\d+) \| (kept|passing) \| (.+) \|$/gm)];
    const written = Object.fromEntries(
      rows.map(([, number, code, http, memory, meaning]) => [
        code,
        { number: Number(number), http: Number(http), memory, meaning },
      ]),
    );
    expect(written).toEqual(CODES);
    expect(rows.length).toBe(Object.keys(CODES).length);
  });

  test("names every frame type and operation by its number", () => {
    for (const [name, number] of Object.entries(FRAME_TYPE))
      expect(page).toMatch(new RegExp(`^\\| ${number} \\| ${name} \\|`, "m"));
    for (const [name, number] of Object.entries(OPERATION))
      expect(page).toMatch(new RegExp(`^\\| ${number} \\| ${name} \\|`, "m"));
  });

  test("shows requests in JSON that a client may send, one of each kind", () => {
    const lines = [...page.matchAll(/^\{"requestId":\d+,"type":.+\}$/gm)].map(([line]) => line);
    const requests = lines.map((line) =>
      JSON.parse(line.replaceAll(/(0193)?…/g, "01935000-0000-7000-8000-000000000000")),
    );
    for (const request of requests) expect(check(jsonRequest, request), request.type).toMatchObject({ ok: true });
    const types = new Set(requests.flatMap(({ type, commands = [] }) => [type, ...commands.map(typeOf)]));
    const untold = Object.keys(OPERATION).filter((name) => !types.has(name));
    expect(untold).toEqual(["FreezeWallet", "UnfreezeWallet", "CloseWallet", "SetTypeLimits"]);
  });

  test("states the limits as they are", () => {
    for (const limit of [
      limits.COMMANDS_PER_MESSAGE_MAX,
      limits.MESSAGE_BYTES_MAX,
      limits.HTTP_BODY_BYTES_MAX,
      limits.METADATA_BYTES_MAX,
      limits.LINKED_RUN_MAX,
      limits.LINKED_RUN_BYTES_MAX,
      limits.LOOKUPS_PER_MESSAGE_MAX,
      limits.QUERY_BYTES_MAX,
      limits.ACTOR_COMMANDS_PER_FRAME_MAX,
      limits.ACTOR_TEXT_BYTES_MAX,
      limits.INFLIGHT_PER_CONNECTION_MAX,
      limits.SUBSCRIPTIONS_PER_CONNECTION_MAX,
    ]) {
      expect(page).toContain(limit.toLocaleString("en-US"));
    }
  });

  test("shows an example that is what it says", () => {
    const { Commands: request, Results: answer } = examples();
    expect(request.readUInt32LE(FRAME.frameBytes)).toBe(request.byteLength);
    expect(request[FRAME.type]).toBe(FRAME_TYPE.Commands);
    expect(countRecords(request, limits.WIRE_HEADER_BYTES, request.byteLength)).toBe(1);
    expect(request.readBigUInt64LE(limits.WIRE_HEADER_BYTES + 48)).toBe(250n);
    expect(request[limits.WIRE_HEADER_BYTES + 6] >>> 4).toBe(7);
    expect(answer.byteLength).toBe(limits.WIRE_HEADER_BYTES + RESULT_BYTES);
    expect(answer.readUInt32LE(FRAME.requestId)).toBe(request.readUInt32LE(FRAME.requestId));
    expect(answer.readBigUInt64LE(limits.WIRE_HEADER_BYTES + RESULT.sequence)).toBe(42n);
  });

  test("shows a query and its result that are what they say", () => {
    const frames = examples();
    const [query, result] = ["Query", "QueryResult"].map((name) => {
      const frame = frames[name];
      expect(frame.readUInt32LE(FRAME.frameBytes)).toBe(frame.byteLength);
      expect([frame.readUInt32LE(FRAME.requestId), frame.readUInt32LE(FRAME.count)]).toEqual([8, 1]);
      const end = limits.WIRE_HEADER_BYTES + Number(frame.readBigUInt64LE(FRAME.argument));
      expect(frame.byteLength).toBe(Math.ceil(end / 8) * 8);
      expect(frame.subarray(end).every((byte) => byte === 0)).toBe(true);
      return frame.subarray(limits.WIRE_HEADER_BYTES, end).toString();
    });
    expect(page).toContain(`\`${query}\`, and the answer \`${result}\``);
    expect(check(jsonQuery, JSON.parse(query))).toMatchObject({ ok: true });
  });
});
