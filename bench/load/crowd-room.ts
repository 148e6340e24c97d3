import { openFilesMax } from "../../gateway/door.ts";
import { LoadUsageError } from "../profiles/profile.ts";

/** Files that a process has open besides its connections. */
const FILES_BESIDE = 200;
/** Connections from one address to one port: well below the 28,000 ports that a system gives out by itself. */
const PORTS_EACH = 20_000;
/** Addresses of the loopback network that are used, from 127.0.0.1 on. */
const ADDRESSES_MAX = 200;

/**
 * Makes sure that so many connections fit.
 *
 * **Errors**: `LoadUsageError` with `too_few_open_files` or `too_few_ports`, which says how many would fit.
 */
export function assertRoom(connections: number, host: string, filesMax = openFilesMax()): void {
  const roomForFiles = filesMax - FILES_BESIDE;
  if (connections > roomForFiles) {
    throw new LoadUsageError(
      `too_few_open_files: ${connections} connections do not fit, ${Math.max(0, roomForFiles)} would: ` +
        `a process may have ${filesMax} files open here (ulimit -n)`,
    );
  }
  const roomForPorts = PORTS_EACH * (isLoopback(host) ? ADDRESSES_MAX : 1);
  if (connections > roomForPorts) {
    throw new LoadUsageError(
      `too_few_ports: ${connections} connections from one machine to one address do not fit, ${roomForPorts} would`,
    );
  }
}

/** The address that a connection comes from; undefined for the one that the system chooses. */
export function localAddressOf(connection: number, host: string): string | undefined {
  const address = Math.floor(connection / PORTS_EACH);
  return address === 0 || !isLoopback(host) ? undefined : `127.0.0.${1 + address}`;
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.");
}
