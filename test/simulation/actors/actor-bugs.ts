import type { ActorRow } from "../../../engine/actor/actor-row.ts";
import type { AskAnswer, AskRequest } from "../../../engine/actor/messages.ts";
import { type AnyActor, actorOf } from "../../../engine/actor/registry.ts";
import type { MedCardState } from "../../../engine/medcard/medcard.ts";
import type { MerchantState } from "../../../engine/merchant/merchant.ts";
import { pack, unpack } from "../../../engine/object/object-record.ts";
import type { PaymentState } from "../../../engine/payment/payment.ts";
import { REQUEST_KIND } from "../../../engine/port/entries.ts";
import type { SagaStep } from "../../../engine/saga/saga.ts";
import type { InitiatePayment } from "../../../protocol/payment/commands.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Plant } from "../plant.ts";

/** The bugs of actors and sagas that the simulation must find. Each puts a wrong part in the place of a right one. */
export const ACTOR_BUGS: Readonly<Record<string, () => Plant>> = {
  "more is refunded than was captured": () =>
    inPlaceOf("Payment", ({ decide }) => ({
      decide: (state, command, context) => {
        const payment = state as PaymentState | undefined;
        const isRefund = command.type === "RefundPayment" && payment !== undefined;
        return decide(isRefund ? { ...payment, capturedMinor: 2 * payment.capturedMinor } : state, command, context);
      },
    })),
  "each capture costs the whole fee": () =>
    inPlaceOf("Payment", ({ decide, conclude }) => {
      const alone = (state: unknown): unknown => {
        const { amountMinor, capturedMinor, ...rest } = state as PaymentState;
        return { ...rest, amountMinor: amountMinor - capturedMinor, capturedMinor: 0, feesMinor: 0 };
      };
      return {
        decide: (state, command, context) =>
          decide(command.type === "CapturePayment" && state !== undefined ? alone(state) : state, command, context),
        conclude: (state, end) => conclude(end.command.type === "CapturePayment" ? alone(state) : state, end),
      };
    }),
  "a refusal of a wallet is taken for its consent": () => ({
    message: onAnswer((answer) => ({ ...answer, code: "ok" })),
  }),
  "what is asked of a wallet has another id each time that it is asked": () => {
    const asked = new Map<string, string>();
    const asks = onAsk((request) => {
      const id = untimedId(0xe_0000 + asked.size);
      asked.set(id, request.id);
      return { ...request, id };
    });
    const answers = onAnswer((answer) => ({ ...answer, id: asked.get(answer.id) ?? answer.id }));
    return { message: (sent) => answers(asks(sent) ?? sent) };
  },
  "what was asked for is not asked for again after a restart": () => ({
    recovered: ({ actors }) => {
      const open = actors.open.bind(actors);
      let isResumed = false;
      change(actors, {
        open: () => {
          const isFirst = !isResumed;
          isResumed = true;
          return isFirst ? [] : open();
        },
      });
    },
  }),
  "steps are not taken back": () =>
    inPlaceOf(
      "MedCard",
      withSteps((steps) => steps.map((step) => (step.undo === undefined ? step : takenBackByNothing(step)))),
    ),
  "the parts of a claim go to the pharmacy by themselves, past the clearing wallet": () =>
    inPlaceOf(
      "MedCard",
      withSteps((steps, command) => {
        const pharmacy = steps.at(-1)?.ask.toWalletId ?? "";
        if (command.type !== "ClaimPrescription") return steps;
        return steps.slice(0, -1).map(({ ask, undo, ...step }) => ({
          ...step,
          ask: { ...ask, toWalletId: pharmacy },
          undo: { ...(undo ?? ask), walletId: pharmacy },
        }));
      }),
    ),
  "a claim that is refused keeps its part of the limit": () => inPlaceOf("MedCard", keepsLimit("PrescriptionRefused")),
  "a claim that is reversed keeps its part of the limit": () =>
    inPlaceOf("MedCard", keepsLimit("PrescriptionReversed")),
  "half a unit of a copayment is always rounded up": () =>
    inPlaceOf("MedCard", ({ decide }) => ({
      decide: (state, command, context) => {
        const card = state as MedCardState | undefined;
        if (command.type !== "ClaimPrescription" || card === undefined) return decide(state, command, context);
        const { totalMinor } = command as unknown as { readonly totalMinor: number };
        const isHalf = (totalMinor * card.copaymentBasisPoints) % 10_000 === 5_000;
        // A hair more than the half.
        const copaymentBasisPoints = card.copaymentBasisPoints + (isHalf ? 1 : 0);
        return decide({ ...card, copaymentBasisPoints }, command, context);
      },
    })),
  "a command is executed again after a restart": () => ({
    recovered: (state) => change(state, { findText: () => 0 }),
  }),
  "another command begins while wallets are asked": () => ({
    recovered: ({ actors }) => {
      const get = actors.get.bind(actors);
      let looks = 0;
      change(actors, {
        get: (type, id) => {
          looks += 1;
          const row = get(type, id);
          if (row?.open === undefined || looks % 10 !== 0) return row;
          const { open: _, ...idle } = row;
          return idle;
        },
      });
    },
  }),
  "a parked saga is not journaled as such": () => ({
    recovered: ({ actors }) => {
      const put = actors.put.bind(actors);
      change(actors, {
        put: (row) => {
          const { open } = row;
          const isLate = open !== undefined && open.saga.failures > 0;
          put(isLate ? { ...row, open: { ...open, saga: { ...open.saga, isParked: true } } } : row);
        },
      });
    },
  }),
  "a snapshot leaves out the actors": () => ({
    parts: (parts) => parts.filter(({ name }) => name !== "actors"),
  }),
  "a snapshot leaves out the open sagas": () => ({
    parts: (parts) =>
      parts.map((part) =>
        part.name === "actors"
          ? {
              name: part.name,
              begin: () => part.begin(),
              next: (memory) => part.next(memory),
              end: () => part.end(),
              load: (chunk) => part.load(withoutSagas(chunk)),
            }
          : part,
      ),
  }),
  "a snapshot copies actors as they are, not as they were when it began": () => ({
    recovered: ({ actors }) => {
      let copied = 0;
      let guarded = 0;
      change(actors, {
        guard: () => {
          copied = 0;
          guarded = actors.count;
        },
        copy: (rowsMax) => {
          const rows = [...actors.rows()].slice(copied, Math.min(copied + rowsMax, guarded));
          copied += rows.length;
          return rows;
        },
      });
    },
  }),
  "a hold ends with a capture of all of it, before that has arrived": () => ({
    recovered: ({ holds }) =>
      change(holds, {
        endCapture: (row) => {
          holds.capturing[row] = 0;
          holds.close(row);
        },
      }),
  }),
  "a capture costs what the merchant's newest rule says": () => {
    const newest = new Map<string, MerchantState["fee"]>();
    const merchants = inPlaceOf("Merchant", ({ evolve }) => ({
      evolve: (state, event) => {
        const after = evolve(state, event) as MerchantState;
        newest.set(after.walletId, after.fee);
        return after;
      },
    }));
    const withNewest = (state: unknown): unknown => {
      const { fee: _, ...payment } = state as PaymentState;
      const fee = newest.get(payment.merchantWalletId);
      return payment.merchantId === undefined ? state : { ...payment, ...(fee === undefined ? {} : { fee }) };
    };
    const payments = inPlaceOf("Payment", ({ decide, conclude }) => ({
      decide: (state, command, context) =>
        decide(command.type === "CapturePayment" && state !== undefined ? withNewest(state) : state, command, context),
      conclude: (state, end) => conclude(end.command.type === "CapturePayment" ? withNewest(state) : state, end),
    }));
    return both(merchants, payments);
  },
  "a suspended merchant is paid": () =>
    inPlaceOf("Payment", ({ decide }) => ({
      decide: (state, command, context) => {
        const { found } = context;
        if (found?.code !== "ok") return decide(state, command, context);
        return decide(state, command, {
          ...context,
          found: { code: "ok", facts: { ...found.facts, status: "ACTIVE" } },
        });
      },
    })),
  "the part of another in a payment is always rounded up": () =>
    inPlaceOf("Payment", ({ decide }) => ({
      decide: (state, command, context) => {
        if (command.type !== "InitiatePayment") return decide(state, command, context);
        const { amountMinor, splits } = command as unknown as InitiatePayment;
        if (splits === undefined) return decide(state, command, context);
        const up = splits.map(({ walletId, basisPoints, ...fixed }) =>
          basisPoints === undefined
            ? { walletId, ...fixed }
            : { walletId, amountMinor: Math.ceil((amountMinor * basisPoints) / 10_000) },
        );
        return decide(state, { ...command, splits: up } as typeof command, context);
      },
    })),
  "the merchant alone bears a refund": () =>
    inPlaceOf("Payment", ({ decide, conclude }) => {
      const alone = (state: unknown): unknown => {
        const { splits: _, ...rest } = state as PaymentState;
        return rest;
      };
      return {
        decide: (state, command, context) =>
          decide(command.type === "RefundPayment" && state !== undefined ? alone(state) : state, command, context),
        conclude: (state, end) => conclude(end.command.type === "RefundPayment" ? alone(state) : state, end),
      };
    }),
  "a payout that is asked for again is paid again": () => {
    const asked = new Map<string, string>();
    const asks = onAsk((request) => {
      if (request.ask.operation !== "SweepBalance") return request;
      const id = untimedId(0xe_8000 + asked.size);
      asked.set(id, request.id);
      return { ...request, id };
    });
    const answers = onAnswer((answer) => ({ ...answer, id: asked.get(answer.id) ?? answer.id }));
    return { message: (sent) => answers(asks(sent) ?? sent) };
  },
  "a batch of less than the least is paid out": () =>
    inPlaceOf(
      "Merchant",
      withSteps((steps) => steps.map((step) => ({ ...step, ask: { ...step.ask, amountMinor: 1 } }))),
    ),
  "a batch that is refused is not tried again before the next one is due": () =>
    inPlaceOf("Merchant", ({ evolve }) => ({
      evolve: (state, event) => {
        const { nextBatchAtMs, ...after } = evolve(state, event) as MerchantState;
        const isRefused = event.type === "BatchRefused";
        return { ...after, nextBatchAtMs: isRefused ? (state as MerchantState).nextBatchAtMs : nextBatchAtMs };
      },
    })),
  "money that is reported twice is moved twice": () =>
    inPlaceOf(
      "TopUp",
      withState("ConfirmTopUp", ({ transactionId: _, ...state }) => ({ ...state, status: "PENDING" })),
    ),
  "money that comes late is taken as if it came in time": () =>
    inPlaceOf(
      "TopUp",
      withState("ConfirmTopUp", (state) => ({ ...state, status: "PENDING" })),
    ),
  "another amount than was asked for is taken for it": () =>
    inPlaceOf("TopUp", ({ decide }) => ({
      decide: (state, command, context) => {
        const { amountMinor } = command as { readonly amountMinor?: number };
        const isConfirmed = command.type === "ConfirmTopUp" && state !== undefined;
        return decide(isConfirmed ? { ...state, amountMinor } : state, command, context);
      },
    })),
  "a top-up that was paid expires": () =>
    inPlaceOf("TopUp", ({ dueAtMs, decide }) => ({
      dueAtMs: (state) => dueAtMs(asPending(state)),
      decide: (state, command, context) =>
        decide(command.type === "ExpireTopUp" && state !== undefined ? asPending(state) : state, command, context),
    })),
  "a payout that fails gives nothing back": () =>
    inPlaceOf("Payout", ({ decide }) => ({
      decide: (state, command, context) => {
        const decision = decide(state, command, context);
        if (command.type !== "FailPayout" || !("steps" in decision)) return decision;
        return { code: "ok", events: [{ type: "PayoutFailed", reason: "no", atMs: context.nowMs } as never] };
      },
    })),
  "a payout that was paid can still fail": () =>
    inPlaceOf(
      "Payout",
      withState("FailPayout", (state) => ({ ...state, status: "PENDING" })),
    ),
  "a batch is never due": () => inPlaceOf("Merchant", () => ({ dueAtMs: () => Number.POSITIVE_INFINITY })),
  "a payment never expires": () => inPlaceOf("Payment", () => ({ dueAtMs: () => Number.POSITIVE_INFINITY })),
};

type Changes = (right: AnyActor) => Partial<AnyActor>;

/** Puts other functions in the place of a type's own, as long as a simulation runs. */
function inPlaceOf(type: string, changes: Changes): Plant {
  return {
    begin: () => {
      const actor = actorOf(type);
      if (actor === undefined) throw new Error(`there is no type ${type}`);
      const right = { ...actor };
      Object.assign(actor, changes(right));
      return () => Object.assign(actor, right);
    },
  };
}

/** Two types with other functions. */
function both(one: Plant, other: Plant): Plant {
  return {
    begin: () => {
      const ends = [one.begin?.(), other.begin?.()];
      return () => {
        for (const end of ends) end?.();
      };
    },
  };
}

function withSteps(
  wrong: (steps: readonly SagaStep[], command: { readonly type: string }) => readonly SagaStep[],
): Changes {
  return ({ decide }) => ({
    decide: (state, command, context) => {
      const decision = decide(state, command, context);
      return "steps" in decision ? { ...decision, steps: wrong(decision.steps, command) } : decision;
    },
  });
}

/** A step whose undo does nothing, and says that it is done. */
function takenBackByNothing({ ask, refused }: SagaStep): SagaStep {
  const { toWalletId: _, ...rest } = ask;
  const undo = { ...rest, operation: "VoidHold", amountMinor: 0, holdId: untimedId(0xf), forOwnerId: null } as const;
  return { ask, undo, refused, doneBy: ["hold_not_found"] };
}

/** A command of a type is decided on as if the actor were otherwise. */
function withState(type: string, wrong: (state: Readonly<Record<string, unknown>>) => object): Changes {
  return ({ decide }) => ({
    decide: (state, command, context) => {
      const isMeant = command.type === type && state !== undefined;
      return decide(isMeant ? wrong(state as Readonly<Record<string, unknown>>) : state, command, context);
    },
  });
}

function asPending(state: unknown): object {
  return { ...(state as object), status: "PENDING" };
}

function keepsLimit(type: string): Changes {
  return ({ evolve }) => ({
    evolve: (state, event) => {
      const after = evolve(state, event) as MedCardState;
      return event.type === type ? { ...after, months: (state as MedCardState).months } : after;
    },
  });
}

/** A chunk of the actors in which none waits for wallets. */
function withoutSagas(chunk: Uint8Array): Uint8Array {
  const [packedBytes] = new Uint32Array(chunk.buffer, chunk.byteOffset, 1);
  const rows = (unpack(chunk, 8, 8 + packedBytes) as ActorRow[]).map(({ open: _, ...row }) => row);
  const packed = pack(rows);
  const bytes = new Uint8Array(8 + Math.ceil(packed.byteLength / 8) * 8);
  new Uint32Array(bytes.buffer, 0, 1)[0] = packed.byteLength;
  bytes.set(packed, 8);
  return bytes;
}

function change<Part extends object>(part: Part, methods: Partial<Part>): void {
  Object.assign(part, methods);
}

function onAsk(wrong: (request: AskRequest) => AskRequest): NonNullable<Plant["message"]> {
  return (sent) =>
    sent.kind === REQUEST_KIND.PeerAsk
      ? { ...sent, payload: pack(wrong(unpack(sent.payload, 0, sent.payload.byteLength) as AskRequest)) }
      : sent;
}

function onAnswer(wrong: (answer: AskAnswer) => AskAnswer): NonNullable<Plant["message"]> {
  return (sent) =>
    sent.kind === REQUEST_KIND.PeerAsked
      ? { ...sent, payload: pack(wrong(unpack(sent.payload, 0, sent.payload.byteLength) as AskAnswer)) }
      : sent;
}
