/** The contract changes only together with its version: whoever changes a layout, code or schema has to say so. */

import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { z } from "zod";
import { CODES } from "./codes.ts";
import * as commandRecord from "./command-record.ts";
import { createApiKeyBody } from "./json-access.ts";
import * as answers from "./json-answers.ts";
import { batchBody, createWalletBody, movementBody, overdraftLimitBody, transferBody } from "./json-commands.ts";
import * as limitAnswers from "./json-limits.ts";
import { typeLimitsBody, walletLimitsBody } from "./json-limits.ts";
import { jsonQuery, jsonRequest } from "./json-requests.ts";
import * as limits from "./limits.ts";
import * as medCardAnalytics from "./medcard/analytics.ts";
import * as medCardAnswers from "./medcard/answers.ts";
import * as medCardCommands from "./medcard/commands.ts";
import * as merchantAnswers from "./merchant/answers.ts";
import * as merchantCommands from "./merchant/commands.ts";
import * as paymentAnswers from "./payment/answers.ts";
import * as paymentCommands from "./payment/commands.ts";
import * as payoutCommands from "./payout/commands.ts";
import * as payoutRest from "./payout/rest.ts";
import * as personAnswers from "./person/answers.ts";
import * as personCommands from "./person/commands.ts";
import * as providerRest from "./provider/rest.ts";
import * as resultRecord from "./result-record.ts";
import * as sagaAnswers from "./saga-answers.ts";
import * as strayCommands from "./stray/commands.ts";
import * as topUpCommands from "./topup/commands.ts";
import * as topUpRest from "./topup/rest.ts";
import * as welcome from "./welcome.ts";
import * as wireFrame from "./wire-frame.ts";

/** Hash of the contract by version `1.minor`; a new minor version gets a new line, and old lines stay. */
const HASHES: Readonly<Record<number, string>> = {
  0: "508503b34ce153c496cec9905f29b09c369aa36bd9cb1092581bc5eaf56337b2",
  1: "c92c9a8b35757d58fbae73927f2c3b214104439590775665e15bed6fcb160e6b",
};

/** What is asked of actors, and what they and the ledger answer. */
const ASKED = [
  paymentCommands,
  medCardCommands,
  medCardAnalytics,
  merchantCommands,
  personCommands,
  topUpCommands,
  topUpRest,
  payoutCommands,
  payoutRest,
  providerRest,
  strayCommands,
  sagaAnswers,
];
const ANSWERED = [
  answers,
  limitAnswers,
  paymentAnswers,
  medCardAnswers,
  medCardAnalytics,
  merchantAnswers,
  personAnswers,
  topUpRest,
  payoutRest,
  providerRest,
  sagaAnswers,
];

function schemasOf(modules: readonly object[]): readonly z.ZodType[] {
  return modules.flatMap((module) => Object.values(module)).filter((value) => value instanceof z.ZodType);
}

function contract(): string {
  const codes = Object.entries(CODES).map(([code, { number, http, memory }]) => [code, number, http, memory]);
  const layouts = [commandRecord, resultRecord, welcome, wireFrame, limits].map((module) =>
    Object.entries(module)
      .filter(([name, value]) => typeof value !== "function" && name !== "PROTOCOL_MINOR")
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const bodies = {
    jsonRequest,
    jsonQuery,
    batchBody,
    createWalletBody,
    movementBody,
    overdraftLimitBody,
    walletLimitsBody,
    typeLimitsBody,
    transferBody,
    createApiKeyBody,
  };
  const inputs = [...Object.values(bodies), ...schemasOf(ASKED)].map((schema) =>
    z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }),
  );
  const outputs = schemasOf(ANSWERED).map((schema) => z.toJSONSchema(schema, { unrepresentable: "any" }));
  return createHash("sha256")
    .update(JSON.stringify([codes, layouts, inputs, outputs], withoutProse))
    .digest("hex");
}

/** Leaves out what is said about a field; it may be said better at any time. */
function withoutProse(name: string, value: unknown): unknown {
  return name === "description" ? undefined : value;
}

test("the contract is that of its version", () => {
  expect(
    contract(),
    "The contract has changed. Raise PROTOCOL_MINOR in wire-frame.ts (or, if old clients break, begin a new subprotocol), " +
      "describe the change in PROTOCOL.md and CHANGELOG.md, and add its hash here.",
  ).toBe(HASHES[wireFrame.PROTOCOL_MINOR]);
});
