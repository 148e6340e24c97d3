import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that systems hand out to outgoing connections: none of them can take the port of a broker that is down. */
const LOWEST = 20_000;
const BEHIND_HIGHEST = 32_000;
const TRIES_MAX = 100;

/** Whether nobody listens on a port of loopback. */
export async function isFreePort(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}

/** Finds a random port that is free, as are those that follow it up to `count`. */
export async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const first = randomInt(LOWEST, BEHIND_HIGHEST - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(isFreePort));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row from ${LOWEST} to ${BEHIND_HIGHEST} in ${TRIES_MAX} tries`);
}
