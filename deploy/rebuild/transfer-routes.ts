/** Where a transfer between shards goes in the new ledger. */
export interface TransferRoute {
  readonly id: string;
  readonly fromShard: number;
  readonly toShard: number;
  /** Number among the new transfers from the one shard to the other. */
  readonly number: number;
  /** New position of what the receiving shard journaled. */
  answeredAt: string | undefined;
}

/** The transfers that are open at one moment of a rebuild, by what the old shards call them. */
export class TransferRoutes {
  readonly #byNumber = new Map<string, TransferRoute>();
  readonly #byId = new Map<string, { readonly route: TransferRoute; readonly numberKey: string }>();

  open(oldFrom: number, oldTo: number, oldNumber: number, route: TransferRoute): void {
    const numberKey = `${oldFrom}:${oldTo}:${oldNumber}`;
    this.#byNumber.set(numberKey, route);
    this.#byId.set(`${oldFrom}:${route.id}`, { route, numberKey });
  }

  /** **Errors**: throws where the transfer was never begun, or has ended. */
  byId(oldFrom: number, id: string): TransferRoute {
    const found = this.#byId.get(`${oldFrom}:${id}`);
    if (found === undefined) throw new Error(`transfer ${id} was not begun before`);
    return found.route;
  }

  /** **Errors**: throws where the transfer was never begun, or has ended. */
  byNumber(oldFrom: number, oldTo: number, oldNumber: number): TransferRoute {
    const route = this.#byNumber.get(`${oldFrom}:${oldTo}:${oldNumber}`);
    if (route === undefined)
      throw new Error(`transfer ${oldNumber} from shard ${oldFrom} to ${oldTo} was not begun before`);
    return route;
  }

  end(oldFrom: number, id: string): void {
    const found = this.#byId.get(`${oldFrom}:${id}`);
    if (found === undefined) return;
    this.#byId.delete(`${oldFrom}:${id}`);
    this.#byNumber.delete(found.numberKey);
  }
}
