import type { Books, Order } from "./books.ts";

/** A request as a wire format sees it. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** JSON, or a form as an object. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What it makes of one: which order it is about, what is done, and the answer before and after that. */
export interface WireStep {
  /** The merchant's id of the order; empty where it is about none. */
  readonly id: string;
  readonly operation: "initiate" | "status" | "refund" | "token";
  /** Does it and says what came of it. */
  readonly act: () => WireAnswer;
  /** What is answered where a script refuses. */
  readonly refused: WireAnswer;
}

export interface WireAnswer {
  readonly status: number;
  readonly json: unknown;
}

/** A callback to be sent. */
interface WireCallback {
  readonly url: string;
  readonly json: unknown;
}

/** The wire format of a provider, spoken from its side. */
export interface Wire {
  /** Undefined where the request is none of its own. */
  readonly read: (request: WireRequest, books: Books) => WireStep | undefined;
  /** What it tells the merchant about an order. */
  readonly callback: (order: Order, url: string, state: Order["state"], isForged: boolean) => WireCallback;
}

/** Whole pounds with two decimals as a JSON number. */
export function pounds(minor: number): number {
  return Number((minor / 100).toFixed(2));
}

export function minorOf(value: unknown): number {
  return Math.round(Number(value) * 100);
}
