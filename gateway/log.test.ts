import { expect, test } from "vitest";
import { createLog } from "./log.ts";
import { RecentLines } from "./status/recent-lines.ts";

const CONFIG = { logLevel: "trace", adminKey: 'admin-"key"-0123456789', kafkaPassword: "p4ss/word" } as const;
const MADE_KEY = `mizan_${"k".repeat(43)}`;
const TICKET = `mizan_ticket_${"t".repeat(43)}`;

function newLog() {
  const recent = new RecentLines();
  const written: string[] = [];
  return { recent, written, log: createLog(CONFIG, recent, { write: (line: string) => written.push(line) }) };
}

test("no secret is written, wherever it stands", () => {
  const { log, written, recent } = newLog();
  log.error({ message: `SASL failed for mizan:${CONFIG.kafkaPassword}` }, "Kafka cannot be reached");
  log.warn({ key: "somebody's", request: { authorization: "Bearer other-secret" } }, `refused ${MADE_KEY}`);
  log.info({ url: `ws://127.0.0.1/v1/ws?ticket=${TICKET}`, headers: [CONFIG.adminKey] }, CONFIG.adminKey);
  const text = written.join("");
  expect(written).toHaveLength(3);
  const secrets = [CONFIG.kafkaPassword, MADE_KEY, TICKET, "somebody's", "other-secret", "0123456789"];
  for (const secret of secrets) {
    expect(text).not.toContain(secret);
    expect(JSON.stringify(recent.lines)).not.toContain(secret);
  }
  for (const line of written) expect(JSON.parse(line)).toHaveProperty("msg");
});

test("the latest warnings and errors are kept, newest first", () => {
  const { log, recent } = newLog();
  log.info("a fact");
  for (let index = 0; index < 60; index += 1) log.warn({ index }, "a warning");
  log.error({ shard: 1 }, "an error");
  expect(recent.lines).toHaveLength(50);
  expect(recent.lines[0]).toMatchObject({ level: 50, fact: "an error", fields: '{"shard":1}' });
  expect(recent.lines[49]).toMatchObject({ level: 40, fields: '{"index":11}' });
});
