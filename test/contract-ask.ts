/** Asks a route, and expects an answer in the shape that it shows. */
export type Ask = (
  method: string,
  path: string,
  template: string,
  body?: object,
) => Promise<Readonly<Record<string, unknown>>>;

/** Opens an active wallet in EUR. */
export type OpenWallet = (fundsMinor: number) => Promise<string>;
