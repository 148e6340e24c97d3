import type { PersonEvent } from "../../protocol/person/events.ts";

type Facts<Type extends PersonEvent["type"]> = Omit<Extract<PersonEvent, { type: Type }>, "type">;

/** A person whose data are sealed, or of whom nothing is left but that there was one. */
export type PersonState =
  | (Facts<"PersonRegistered"> & { readonly status: "REGISTERED"; readonly updatedAtMs?: number })
  | (Facts<"PersonErased"> & { readonly status: "ERASED"; readonly personId: string; readonly issuerId?: string });

/** The status of a person. */
export type PersonStatus = PersonState["status"];
