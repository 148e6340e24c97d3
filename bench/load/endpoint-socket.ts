import { connect as connectPlainly, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectSecurely, getCACertificates, setDefaultCACertificates } from "node:tls";
import type { Endpoint } from "./workload.ts";

let isSystemTrusted = false;

/** Where requests of HTTP to an endpoint go; certificates are checked as `openSocket` does. */
export function originOf({ host, port, isSecure }: Endpoint): string {
  if (isSecure) trustSystem();
  return `${isSecure ? "https" : "http"}://${host}:${port}`;
}

/** How a socket is read without copies, and from which of the machine's addresses it leaves. */
interface SocketWays {
  readonly onread?: OnReadOpts;
  readonly localAddress?: string | undefined;
}

/** Opens a socket to an endpoint, over TLS where it asks for that; `onOpen` is called when it may be written to. */
export function openSocket(endpoint: Endpoint, onOpen: () => void, { onread, localAddress }: SocketWays = {}): Socket {
  // URLs have addresses of IPv6 in brackets.
  const host = endpoint.host.replace(/^\[(.*)\]$/, "$1");
  const where = { host, port: endpoint.port, noDelay: true, localAddress, ...(onread === undefined ? {} : { onread }) };
  if (!endpoint.isSecure) return connectPlainly(where).once("connect", onOpen);
  trustSystem();
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = connectSecurely({ ...where, ...name });
  return socket.setNoDelay(true).once("secureConnect", onOpen);
}

/** Certificates count that Node or the operating system trusts, and those in `NODE_EXTRA_CA_CERTS`. */
function trustSystem(): void {
  if (isSystemTrusted) return;
  setDefaultCACertificates([...getCACertificates("default"), ...getCACertificates("system")]);
  isSystemTrusted = true;
}
