/** People over real HTTP, on a real ledger of two shards that is killed in between. */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../../protocol/ids.ts";
import { personAnswer, personFoundAnswer } from "../../protocol/person/answers.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { PEOPLE_ENV } from "../../test/person-contract.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", ...PEOPLE_ENV });
  await ledger.start();
});
afterAll(() => ledger.dispose());

const AMINA = {
  name: "Amina Hassan",
  nationalId: "28703140101244",
  birthDate: "1987-03-14",
  phone: "+201229876543",
  email: "amina@example.com",
};
const MASKED = {
  name: "A*** H***",
  nationalId: "**********1244",
  birthDate: "1987-**-**",
  phone: "+2012******43",
  email: "a***@example.com",
};

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

async function call(method: string, path: string, body?: object, key = ADMIN_KEY, id = ids.next()): Promise<Answer> {
  const response = await fetch(`${ledger.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": id },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const replayed = response.headers.get("idempotency-replayed") === "true";
  return { status: response.status, replayed, json: (await response.json()) as Record<string, unknown> };
}

/** An owner with an API key. */
async function owner(role: "merchant" | "user"): Promise<{ readonly id: string; readonly key: string }> {
  const id = ids.next();
  const { json } = await call("POST", "/api-keys", { name: role, role, ownerId: id });
  return { id, key: json.key as string };
}

async function codeOf(method: string, path: string, body?: object, key?: string): Promise<unknown> {
  return (await call(method, path, body, key)).json.code;
}

describe("a person over REST", () => {
  test("is seen plain by admins and himself, masked by the issuer, and by nobody else", async () => {
    const [amina, issuer, stranger] = [await owner("user"), await owner("merchant"), await owner("user")];
    const path = `/people/${amina.id}`;
    const registered = await call("POST", "/people", { id: amina.id.toUpperCase(), issuerId: issuer.id, ...AMINA });
    expect(registered).toMatchObject({
      status: 201,
      json: { id: amina.id, status: "REGISTERED", masked: false, ...AMINA },
    });
    personAnswer.parse(registered.json);
    for (const key of [ADMIN_KEY, amina.key]) {
      expect(await call("GET", path, undefined, key)).toMatchObject({ status: 200, json: { masked: false, ...AMINA } });
    }
    const seen = await call("GET", path, undefined, issuer.key);
    expect(seen).toMatchObject({ status: 200, json: { masked: true, issuerId: issuer.id, ...MASKED } });
    personFoundAnswer.parse(seen.json);
    expect(JSON.stringify(seen.json)).not.toContain("assan");
    expect(await codeOf("GET", path, undefined, stranger.key)).toBe("forbidden");
  });

  test("registers and updates himself; the same command again is answered alike, also after a crash", async () => {
    const amina = await owner("user");
    const commandId = ids.next();
    const { email: _, ...facts } = AMINA;
    const first = await call("POST", "/people", { id: amina.id, ...facts }, amina.key, commandId);
    expect(first).toMatchObject({ status: 201, replayed: false });
    expect(first.json).not.toHaveProperty("email");
    const updateId = ids.next();
    const update = { ...facts, phone: "+20 10 1111 1111" };
    const updated = await call("PUT", `/people/${amina.id}`, update, amina.key, updateId);
    expect(updated).toMatchObject({ status: 200, json: { phone: "+201011111111", version: 2 } });
    await ledger.end("SIGKILL");
    await ledger.start();
    const again = await call("PUT", `/people/${amina.id}`, update, amina.key, updateId);
    expect(again).toMatchObject({ status: 200, replayed: true, json: updated.json });
    expect(await call("POST", "/people", { id: amina.id, ...facts }, amina.key, commandId)).toMatchObject({
      status: 201,
      replayed: true,
      json: { position: first.json.position },
    });
    const other = { ...update, name: "Amina Mostafa" };
    expect((await call("PUT", `/people/${amina.id}`, other, amina.key, updateId)).json).toMatchObject({
      code: "id_reused",
    });
    expect((await call("GET", `/people/${amina.id}`)).json).toMatchObject({ name: "Amina Hassan", version: 2 });
  });

  test("is erased for good", async () => {
    const amina = await owner("user");
    const path = `/people/${amina.id}`;
    const registerId = ids.next();
    await call("POST", "/people", { id: amina.id, ...AMINA }, amina.key, registerId);
    const eraseId = ids.next();
    const erased = await call("POST", `${path}/erase`, { reason: "REQUESTED" }, ADMIN_KEY, eraseId);
    expect(erased).toMatchObject({ status: 200, json: { status: "ERASED", reason: "REQUESTED" } });
    personAnswer.parse(erased.json);
    for (const value of Object.values(AMINA)) expect(JSON.stringify(erased.json)).not.toContain(value);
    const again = await call("POST", `${path}/erase`, { reason: "REQUESTED" }, ADMIN_KEY, eraseId);
    expect(again).toMatchObject({ status: 200, replayed: true, json: erased.json });
    expect(await codeOf("POST", `${path}/erase`, { reason: "REQUESTED" })).toBe("person_erased");
    expect(await codeOf("PUT", path, AMINA)).toBe("person_erased");
    expect(await codeOf("POST", "/people", { id: amina.id, ...AMINA })).toBe("person_erased");
    const register = { id: amina.id, ...AMINA };
    expect((await call("POST", "/people", register, amina.key, registerId)).json.code).toBe("person_erased");
    const found = await call("GET", path, undefined, amina.key);
    expect(found.json).toEqual({
      id: amina.id,
      version: 2,
      status: "ERASED",
      erasedAt: erased.json.erasedAt,
      reason: "REQUESTED",
    });
    personFoundAnswer.parse(found.json);
  });

  test("is refused with the codes of the contract", async () => {
    const [amina, other] = [await owner("user"), await owner("merchant")];
    const body = { id: amina.id, ...AMINA };
    expect(await codeOf("PUT", `/people/${amina.id}`, AMINA)).toBe("person_not_found");
    expect(await codeOf("GET", `/people/${amina.id}`)).toBe("person_not_found");
    expect(await codeOf("POST", `/people/${amina.id}/erase`, { reason: "REQUESTED" })).toBe("person_not_found");
    expect(await codeOf("POST", "/people", body, other.key)).toBe("forbidden");
    expect(await codeOf("POST", "/people", { ...body, issuerId: other.id }, amina.key)).toBe("forbidden");
    expect(await codeOf("POST", "/people", body)).toBeUndefined();
    expect(await codeOf("POST", "/people", body)).toBe("person_exists");
    expect(await codeOf("PUT", `/people/${amina.id}`, AMINA, other.key)).toBe("forbidden");
    expect(await codeOf("POST", `/people/${amina.id}/erase`, { reason: "REQUESTED" }, amina.key)).toBe("forbidden");
    expect(await codeOf("GET", "/people/amina")).toBe("invalid_request");
    expect(await codeOf("PUT", "/people/amina", AMINA)).toBe("invalid_request");
    expect(await codeOf("POST", "/people/amina/erase", { reason: "REQUESTED" })).toBe("invalid_request");
  });

  test.each([
    ["nationalId", { nationalId: "28702300101244" }, "nationalId"],
    ["birthDate", { birthDate: "14.03.1987" }, "birthDate"],
    ["another birth date than the national id", { birthDate: "1987-03-15" }, "birthDate"],
    ["a birth date to come", { nationalId: undefined, birthDate: "2999-03-14" }, "birthDate"],
    ["phone", { phone: "01229876543" }, "phone"],
    ["email", { email: "amina@localhost" }, "email"],
    ["name", { name: "28703140101244" }, "name"],
    ["a number", { nationalId: 28703140101244 }, "nationalId"],
    ["a value in the place of a field", { "28703140101244": true }, undefined],
    ["a list", { phone: ["+201229876543"] }, "phone"],
  ])("with a wrong %s is refused without a word of what was sent", async (_name, wrong, field) => {
    const body = { id: ids.next(), ...AMINA, ...wrong };
    const { status, json } = await call("POST", "/people", body);
    expect({ status, code: json.code, field: json.field }).toEqual({ status: 400, code: "invalid_request", field });
    expect(await codeOf("GET", `/people/${body.id}`)).toBe("person_not_found");
    const said = JSON.stringify(json);
    for (const value of [
      ...Object.values(AMINA),
      "28702300101244",
      "14.03.1987",
      "1987-03-15",
      "localhost",
      "01229876543",
    ]) {
      expect(said).not.toContain(value);
    }
  });

  test("may be erased for three reasons, and none that says who it is", async () => {
    const reason = "Amina Hassan asked for it";
    const { json } = await call("POST", `/people/${ids.next()}/erase`, { reason });
    expect(json).toMatchObject({ code: "invalid_request", field: "reason" });
    expect(JSON.stringify(json)).not.toContain("Amina");
  });

  test("is sent by one command after the other, however many come at once", async () => {
    const amina = await owner("user");
    const sent = await Promise.all(
      Array.from({ length: 8 }, () => call("POST", "/people", { id: amina.id, ...AMINA }, amina.key)),
    );
    expect(sent.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
    const erasing = call("POST", `/people/${amina.id}/erase`, { reason: "RETENTION_ENDED" });
    const updating = call("PUT", `/people/${amina.id}`, AMINA, amina.key);
    expect((await erasing).status).toBe(200);
    expect([200, 410]).toContain((await updating).status);
    expect((await call("GET", `/people/${amina.id}`)).json).toMatchObject({ status: "ERASED" });
  });
});

describe("a ledger", () => {
  test("without a master key keeps no people, and serves everything else", async () => {
    const plain = await LedgerProcess.create({ MIZAN_SHARDS: "1" });
    try {
      await plain.start();
      const headers = { authorization: `Bearer ${ADMIN_KEY}`, "idempotency-key": ids.next() };
      for (const [method, path] of [
        ["GET", `/people/${ids.next()}`],
        ["POST", "/people"],
        ["PUT", `/people/${ids.next()}`],
        ["POST", `/people/${ids.next()}/erase`],
      ] as const) {
        const response = await fetch(`${plain.url}/api/v1${path}`, { method, headers });
        expect(await response.json()).toMatchObject({ status: 422, code: "personal_data_disabled" });
      }
      expect((await fetch(`${plain.url}/api/v1/sagas`, { headers })).status).toBe(200);
    } finally {
      await plain.dispose();
    }
  });

  test("with another master key than before does not start, and says why", async () => {
    const moved = await LedgerProcess.create({ MIZAN_SHARDS: "1", ...PEOPLE_ENV });
    const other = randomBytes(32).toString("base64");
    try {
      await moved.start();
      const headers = {
        authorization: `Bearer ${ADMIN_KEY}`,
        "content-type": "application/json",
        "idempotency-key": ids.next(),
      };
      const id = ids.next();
      const body = JSON.stringify({ id, ...AMINA });
      expect((await fetch(`${moved.url}/api/v1/people`, { method: "POST", headers, body })).status).toBe(201);
      await moved.end("SIGTERM");
      expect(await moved.run({ MIZAN_PERSONAL_DATA_KEY: other })).not.toBe(0);
      expect(moved.output).toContain("personal_data_key_wrong");
      expect(moved.output).not.toContain(other);
      expect(await moved.run({ MIZAN_PERSONAL_DATA_KEY: "c2VjcmV0" })).not.toBe(0);
      expect(moved.output).toContain("MIZAN_PERSONAL_DATA_KEY: must be 32 bytes in base64");
      expect(moved.output).not.toContain("c2VjcmV0");
      const previous = { MIZAN_PERSONAL_DATA_KEY_PREVIOUS: PEOPLE_ENV.MIZAN_PERSONAL_DATA_KEY };
      expect(await moved.run({ ...previous, MIZAN_PERSONAL_DATA_KEY: undefined })).not.toBe(0);
      expect(moved.output).toContain("MIZAN_PERSONAL_DATA_KEY_PREVIOUS needs MIZAN_PERSONAL_DATA_KEY");
      await moved.start(undefined, { ...previous, MIZAN_PERSONAL_DATA_KEY: other });
      expect(await (await fetch(`${moved.url}/api/v1/people/${id}`, { headers })).json()).toMatchObject(AMINA);
    } finally {
      await moved.dispose();
    }
  }, 300_000);
});
