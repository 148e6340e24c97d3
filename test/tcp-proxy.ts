import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePorts } from "../deploy/kafka/free-ports.ts";

/** What a direction holds back at most before it stops reading, while there is a delay. */
const HELD_BYTES_MAX = 4 << 20;

/** What the network is like, for every connection through one proxy. */
interface Weather {
  isCut: boolean;
  delayMs: number;
}

interface HeldBytes {
  /** Nothing at the end of the stream. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/** One way of one connection: bytes arrive in order, none while the network is cut. */
class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #held: HeldBytes[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `seen` tells for bytes that have arrived whether they may go on. */
  constructor(from: Socket, to: Socket, weather: Weather, seen: (bytes: Buffer) => boolean) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    from.on("data", (bytes) => {
      if (seen(bytes)) this.#hold(bytes);
    });
    from.on("end", () => this.#hold(undefined));
    to.on("drain", () => this.update());
    from.on("close", () => clearTimeout(this.#timer));
    this.update();
  }

  /** Passes on what is due, and reads or not as the weather is now. */
  update(): void {
    clearTimeout(this.#timer);
    const { isCut } = this.#weather;
    while (!isCut && this.#held[0] !== undefined && this.#held[0].dueMs <= performance.now()) {
      const { bytes } = this.#held.shift()!;
      if (bytes === undefined) this.#to.end();
      else this.#to.write(bytes);
      this.#heldBytes -= bytes?.length ?? 0;
    }
    const next = this.#held[0];
    if (!isCut && next !== undefined) this.#timer = setTimeout(() => this.update(), next.dueMs - performance.now());
    if (isCut || this.#to.writableNeedDrain || this.#heldBytes >= HELD_BYTES_MAX) this.#from.pause();
    else this.#from.resume();
  }

  #hold(bytes: Buffer | undefined): void {
    this.#held.push({ bytes, dueMs: performance.now() + this.#weather.delayMs });
    this.#heldBytes += bytes?.length ?? 0;
    this.update();
  }
}

/** Takes the answer away from a request, once. */
interface AnswerLoss {
  readonly isRequest: (bytes: Buffer) => boolean;
  readonly resolve: (isLost: boolean) => void;
}

/** A network between clients and one server on loopback, in which everything can go wrong that does in one. */
export class TcpProxy {
  readonly port: number;
  readonly #targetPort: number;
  readonly #weather: Weather = { isCut: false, delayMs: 0 };
  readonly #directions = new Set<Direction>();
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #loss: AnswerLoss | undefined;

  private constructor(server: Server, port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
    this.#server = server;
    server.on("connection", (client) => this.#join(client));
  }

  /** Listens on a free port for a server, which need not listen yet. */
  static async open(targetPort: number): Promise<TcpProxy> {
    const port = await freePorts(1);
    return new TcpProxy(await listen(port), port, targetPort);
  }

  /** What clients connect to. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /**
   * Cuts the network both ways: connections stay open, new ones can be opened, and nothing passes.
   *
   * What was sent meanwhile arrives after `restore`, as with TCP, where nobody has given up until then.
   */
  cut(): void {
    this.#weather.isCut = true;
    this.#update();
  }

  /** Resets every connection and refuses new ones. */
  async refuse(): Promise<void> {
    this.reset();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Resets every connection; new ones are welcome. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Lets every byte arrive later, each way. */
  delay(delayMs: number): void {
    this.#weather.delayMs = delayMs;
  }

  /**
   * Lets the next request reach the server and resets its connection as soon as the server answers, so that the client
   * never learns that it was done; everything after goes through. `isRequest` picks the request by the bytes that
   * arrive first. Resolves with false when `restore` comes before.
   */
  loseAnswer(isRequest: (bytes: Buffer) => boolean = () => true): Promise<boolean> {
    this.#loss?.resolve(false);
    return new Promise((resolve) => {
      this.#loss = { isRequest, resolve };
    });
  }

  /** Makes the network whole again. */
  async restore(): Promise<void> {
    this.#loss?.resolve(false);
    this.#loss = undefined;
    this.#weather.isCut = false;
    this.#weather.delayMs = 0;
    this.#update();
    if (this.#server.listening) return;
    this.#server = await listen(this.port);
    this.#server.on("connection", (client) => this.#join(client));
  }

  /** Ends the proxy; it is as if the server were gone. */
  async close(): Promise<void> {
    this.#loss?.resolve(false);
    await this.refuse();
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    let loss: AnswerLoss | undefined;
    const requests = new Direction(client, server, this.#weather, (bytes) => {
      if (loss === undefined && this.#loss?.isRequest(bytes) === true) {
        loss = this.#loss;
        this.#loss = undefined;
      }
      return true;
    });
    const answers = new Direction(server, client, this.#weather, () => {
      if (loss === undefined) return true;
      client.resetAndDestroy();
      server.resetAndDestroy();
      loss.resolve(true);
      return false;
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.on("error", () => other.resetAndDestroy());
      socket.on("close", () => this.#sockets.delete(socket));
      this.#sockets.add(socket);
    }
    for (const direction of [requests, answers]) {
      this.#directions.add(direction);
      client.once("close", () => this.#directions.delete(direction));
    }
  }

  #update(): void {
    for (const direction of this.#directions) direction.update();
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}
