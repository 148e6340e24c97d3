/** A start needs records that are kept nowhere any more. */
export class HistoryIncompleteError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "HistoryIncompleteError";
  }
}
