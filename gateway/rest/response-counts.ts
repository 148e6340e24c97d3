/** HTTP responses by route and status; as many rows as there are routes times statuses, however many requests. */
export class ResponseCounts {
  readonly #byRoute = new Map<string, Map<number, number>>();

  /** `route` is a method and a path in the form of OpenAPI, never the path of a request. */
  add(route: string, status: number): void {
    let byStatus = this.#byRoute.get(route);
    if (byStatus === undefined) {
      byStatus = new Map();
      this.#byRoute.set(route, byStatus);
    }
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  }

  *rows(): Generator<{ readonly route: string; readonly status: number; readonly count: number }> {
    for (const [route, byStatus] of this.#byRoute) {
      for (const [status, count] of byStatus) yield { route, status, count };
    }
  }
}
