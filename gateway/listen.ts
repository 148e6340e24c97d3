import { type TemplatedApp, us_listen_socket_close, us_socket_local_port } from "uWebSockets.js";
import { StartError } from "./start-error.ts";

/** uSockets shares a port between processes unless it is told not to. */
const LISTEN_EXCLUSIVELY = 1;

/** The form of `listen` that takes a host and options, which the package's types leave out. */
type Listen = (
  host: string,
  port: number,
  options: number,
  onListen: (socket: Parameters<typeof us_listen_socket_close>[0] | false) => void,
) => void;

/** A port on which an app serves. */
export interface Listening {
  readonly port: number;
  /** Takes no new connections. */
  close(): void;
}

/** Has an app serve on an address; port 0 takes a free one. **Errors**: `port_in_use`. */
export function listen(
  app: TemplatedApp,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    (app.listen.bind(app) as unknown as Listen)(host, port, LISTEN_EXCLUSIVELY, (socket) => {
      if (socket === false) {
        const message = `cannot listen on ${host}:${port}: the port is in use, or no such address`;
        reject(new StartError("port_in_use", message));
        return;
      }
      resolve({ port: us_socket_local_port(socket), close: () => us_listen_socket_close(socket) });
    });
  });
}
