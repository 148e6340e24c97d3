/** Keys of two nodes on a real broker, whose cleaner runs. */

import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../../protocol/ids.ts";
import { keySlots } from "../../test/key-slots.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "../../test/temporary-broker.ts";
import { keyFilePath } from "./key-file.ts";
import { KeyStorePendingError } from "./key-store.ts";
import { MasterKey } from "./master-key.ts";
import { PersonKeys } from "./person-keys.ts";
import { ReplicatedKeys } from "./replicated-keys.ts";

const WITHIN = { timeout: 120_000, interval: 50 };
const MASTER = randomBytes(32).toString("base64");
const NEXT_MASTER = randomBytes(32).toString("base64");

const ids = new UuidV7();
let broker: TemporaryBroker;
beforeAll(async () => {
  broker = await TemporaryBroker.create({ settings: { "log.cleaner.backoff.ms": 200 } });
  await broker.start();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());

let directory: string;
let topic: string;
let opened: ReplicatedKeys[];
let logged: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-replicated-keys-"));
  topic = `keys-${randomUUID()}`;
  opened = [];
  logged = [];
});
afterEach(async () => {
  await Promise.all(opened.map((keys) => keys.close()));
  rmSync(directory, { recursive: true });
});

interface NodeOptions {
  readonly isLeading?: boolean;
  readonly current?: string;
  readonly previous?: string;
  readonly compactionLagMs?: number;
  readonly withinMs?: number;
}

async function node(name: string, options: NodeOptions = {}): Promise<ReplicatedKeys> {
  const { isLeading = false, current = MASTER, previous, withinMs = 60_000, compactionLagMs } = options;
  mkdirSync(join(directory, name), { recursive: true });
  const local = await PersonKeys.open(keyFilePath(join(directory, name)), {
    current: new MasterKey(current),
    previous: previous === undefined ? undefined : new MasterKey(previous),
  });
  const note = (_fields: object, fact: string): void => void logged.push(fact);
  const keys = new ReplicatedKeys({
    local,
    access: { brokers: [broker.address], tls: false, nodeId: name, sessionTimeoutMs: 2_000 },
    topic,
    withinMs,
    isLeading: () => isLeading,
    log: { error: note, info: note, warn: note },
    ...(compactionLagMs === undefined ? {} : { compactionLagMs }),
  });
  opened.push(keys);
  return keys;
}

async function close(keys: ReplicatedKeys): Promise<void> {
  opened.splice(opened.indexOf(keys), 1);
  await keys.close();
}

function slotsOf(name: string): readonly string[] {
  return keySlots(join(directory, name))
    .map(({ personId }) => personId)
    .sort();
}

describe("the keys of persons in a topic", () => {
  test("come to every other node, and go from it", async () => {
    const [leader, follower] = [await node("leader", { isLeading: true }), await node("follower")];
    const people = [ids.next(), ids.next(), ids.next()];
    const made = await Promise.all(people.map((id) => leader.forSealing(id, undefined)));
    await expect.poll(() => slotsOf("follower"), WITHIN).toEqual(people);
    for (const [index, id] of people.entries()) expect(follower.find(id, made[index].keyId)).toEqual(made[index]);
    await leader.destroy(people[1]);
    await expect.poll(() => slotsOf("follower"), WITHIN).toEqual([people[0], people[2]]);
    const late = await node("late");
    expect(await late.isComplete()).toBe(true);
    expect(slotsOf("late")).toEqual([people[0], people[2]]);
    expect(slotsOf("leader")).toEqual([people[0], people[2]]);
    expect(late.find(people[1], made[1].keyId)).toBeUndefined();
  }, 180_000);

  test("that one node alone had are shared when it leads, and none that was destroyed meanwhile", async () => {
    const first = await node("first", { isLeading: true });
    const [gone, stays, own] = [ids.next(), ids.next(), ids.next()];
    await Promise.all([first.forSealing(gone, undefined), first.forSealing(stays, undefined)]);
    const second = await node("second");
    expect(await second.isComplete()).toBe(true);
    await close(second);
    await first.destroy(gone);
    // Made while nothing was replicated.
    const alone = await PersonKeys.open(keyFilePath(join(directory, "second")), {
      current: new MasterKey(MASTER),
      previous: undefined,
    });
    await alone.forSealing(own, undefined);
    await alone.close();
    expect(slotsOf("second")).toEqual([gone, stays, own]);
    const again = await node("second", { isLeading: true });
    await again.lead();
    await again.shareAll();
    expect(slotsOf("second")).toEqual([stays, own]);
    await expect.poll(() => slotsOf("first"), WITHIN).toEqual([stays, own]);
  }, 180_000);

  test("are wrapped by each node's own master key, and are shared anew under the next one", async () => {
    const old = await node("old", { isLeading: true });
    const id = ids.next();
    const made = await old.forSealing(id, undefined);
    await close(old);
    const rotated = await node("old", { isLeading: true, current: NEXT_MASTER, previous: MASTER });
    await rotated.lead();
    await rotated.shareAll();
    const fresh = await node("fresh", { current: NEXT_MASTER });
    expect(await fresh.isComplete()).toBe(true);
    expect(fresh.find(id, made.keyId)).toEqual(made);
    // Until the topic is compacted it has the former one as well.
    expect(logged).toContain("the key of a person is wrapped by an unknown master key");
  }, 180_000);

  test("are nowhere on the broker's disk once they are destroyed and the topic is compacted", async () => {
    const leader = await node("leader", { isLeading: true, compactionLagMs: 1_000 });
    const [gone, stays] = [ids.next(), ids.next()];
    await leader.forSealing(gone, undefined);
    await leader.forSealing(stays, undefined);
    const slots = keySlots(join(directory, "leader"));
    const wrappedOf = (id: string): Buffer =>
      Buffer.from(slots.find(({ personId }) => personId === id)?.wrapped ?? "missing");
    const [goneKey, staysKey] = [wrappedOf(gone), wrappedOf(stays)];
    expect(isOnBroker(goneKey)).toBe(true);
    await leader.destroy(gone);
    await expect.poll(() => isOnBroker(goneKey), WITHIN).toBe(false);
    expect(isOnBroker(staysKey)).toBe(true);
    const late = await node("late");
    expect(await late.isComplete()).toBe(true);
    expect(slotsOf("late")).toEqual([stays]);
  }, 180_000);

  test("wait for a broker that is away, for so long", async () => {
    const leader = await node("leader", { isLeading: true, withinMs: 300 });
    await expect.poll(() => leader.isComplete(), WITHIN).toBe(true);
    const id = ids.next();
    const made = await leader.forSealing(id, undefined);
    await broker.kill();
    try {
      await expect(leader.forSealing(ids.next(), undefined)).rejects.toThrow(KeyStorePendingError);
      await expect(leader.destroy(id)).rejects.toThrow(KeyStorePendingError);
      // Nothing is destroyed here that others would keep.
      expect(leader.find(id, made.keyId)).toEqual(made);
      leader.lead().catch(() => undefined);
      expect(await leader.isComplete()).toBe(false);
    } finally {
      await broker.start();
    }
    await expect.poll(() => leader.isComplete(), WITHIN).toBe(true);
    await expect
      .poll(
        () =>
          leader.destroy(id).then(
            () => leader.personIds().includes(id),
            () => true,
          ),
        WITHIN,
      )
      .toBe(false);
  }, 300_000);
});

/** Whether some bytes stand in any file of the topic. */
function isOnBroker(bytes: Buffer): boolean {
  return readdirSync(broker.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.includes(topic))
    .some((entry) => {
      try {
        return readFileSync(join(entry.parentPath, entry.name)).includes(bytes);
      } catch {
        // Removed just now.
        return false;
      }
    });
}
