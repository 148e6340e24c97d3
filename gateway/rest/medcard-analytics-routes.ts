/** The routes of what medical cards have spent. */

import { pack } from "msgpackr";
import type { z } from "zod";
import type { CardSpendQuestion, CardSpendView } from "../../engine/medcard/card-spend.ts";
import { monthOf } from "../../engine/medcard/month.ts";
import { TIME_ZONE_DEFAULT } from "../../engine/medcard/tiers.ts";
import { REQUEST_KIND } from "../../engine/port/entries.ts";
import { isUuid } from "../../protocol/ids.ts";
import {
  cardAnalyticsAnswer,
  cardAnalyticsQuery,
  cardsAnalyticsAnswer,
  cardsAnalyticsQuery,
  monthsAsked,
} from "../../protocol/medcard/analytics.ts";
import { askAll, lookupActor, senderOf } from "../actors.ts";
import { cardAnalyticsView, cardsAnalyticsView, type MonthsAsked } from "../medcard-analytics.ts";
import { checkedQuery, meaningsOf } from "./checked-query.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const MED_CARD = "MedCard";

export const MEDCARD_ANALYTICS_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/medcards/analytics",
    summary:
      "What medical cards have spent and used of their limits, month by month: an issuer's own, or for admins all.",
    status: 200,
    answer: cardsAnalyticsAnswer,
    access: "caller",
    query: meaningsOf(cardsAnalyticsQuery),
    run: (exchange, { dispatcher, config }, caller) => {
      const query = checkedQuery(exchange, cardsAnalyticsQuery);
      const months = query && monthsOf(exchange, query, config.calendarTimeZone);
      if (query === undefined || months === undefined) return;
      const { by, ownerId } = query;
      const question: CardSpendQuestion = { ...months, by, ownerId };
      const payload = pack({ aggregate: MED_CARD, question, by: senderOf(caller) });
      const code = askAll(
        dispatcher,
        caller,
        REQUEST_KIND.ReadProjection,
        () => payload,
        (views) => {
          if (typeof views === "string") exchange.problem(views);
          else
            exchange.json(
              200,
              JSON.stringify(cardsAnalyticsView(views as readonly CardSpendView[][], by !== undefined)),
            );
        },
      );
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/medcards/{id}/analytics",
    summary: "What a medical card has spent and used of its limit, month by month.",
    status: 200,
    answer: cardAnalyticsAnswer,
    access: "caller",
    query: meaningsOf(cardAnalyticsQuery),
    run: (exchange, { dispatcher, config }, caller) => {
      if (!isUuid(exchange.parameter)) {
        exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
        return;
      }
      const query = checkedQuery(exchange, cardAnalyticsQuery);
      const months = query && monthsOf(exchange, query, config.calendarTimeZone);
      if (query === undefined || months === undefined) return;
      const asked = { aggregate: MED_CARD, id: exchange.parameter.toLowerCase(), isWhole: true };
      const code = lookupActor(dispatcher, caller, asked, (state) => {
        if (typeof state === "string") exchange.problem(state);
        else exchange.json(200, JSON.stringify(cardAnalyticsView(state, months, query.by)));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
];

/** The months that a query asks for; **Errors**: answers `invalid_request` and returns undefined. */
function monthsOf(
  exchange: Exchange,
  query: Pick<z.output<typeof cardsAnalyticsQuery>, "from" | "to">,
  timeZone = TIME_ZONE_DEFAULT,
): MonthsAsked | undefined {
  const months = monthsAsked(query, monthOf(timeZone, Date.now()));
  if (typeof months !== "string") return months;
  exchange.problem("invalid_request", { detail: months, field: "from" });
  return undefined;
}
