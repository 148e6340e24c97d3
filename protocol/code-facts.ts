/** What is known of a code. */
export interface CodeFacts {
  readonly number: number;
  readonly http: number;
  /** `kept` answers are remembered under the command's id; `passing` ones are not, and the same id may be sent again. */
  readonly memory: "kept" | "passing";
  readonly meaning: string;
}
