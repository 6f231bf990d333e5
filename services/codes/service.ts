// The services of Codes on one port: CodesService for shoppers and clerks, TillsService for tills that are
// offline, IssuingService for the mesh, CampaignsService for issuers of other things, PoliciesService,
// ReportsService and GuessesService for managers and operators.

import type { BoundMethod } from "#shared/handlers.ts";
import { campaignsService } from "./campaigns-service.ts";
import { codesMethods } from "./codes-service.ts";
import type { CounterOptions } from "./counter.ts";
import { type GuessesOptions, guessesService } from "./guesses-service.ts";
import { issueCodes } from "./issuing.ts";
import { issuingService } from "./issuing-service.ts";
import type { Ledger } from "./ledger.ts";
import { policiesService } from "./policies-service.ts";
import type { PolicyStore } from "./policy-store.ts";
import { type ReportsOptions, reportsService } from "./reports-service.ts";
import type { SubjectOptions } from "./subject-issuing.ts";
import type { TicketKeys } from "./ticket-keys.ts";
import type { TillOptions } from "./tills.ts";
import { tillsService } from "./tills-service.ts";

/** What Codes is made of. */
export interface CodesOptions
  extends Omit<SubjectOptions, "now">,
    Omit<ReportsOptions, "now">,
    Omit<GuessesOptions, "now"> {
  /** Where wrong guesses are counted. */
  readonly redis: GuessesOptions["redis"] & CounterOptions["redis"];
  readonly database: TillOptions["database"];
  /** Returns the keys that tickets are signed with, as they are now. */
  readonly ticketKeys: () => TicketKeys;
  readonly policyStore: PolicyStore;
  readonly ledger: Ledger;
  /** The clock, in milliseconds. If absent, the system's. */
  readonly now?: () => number;
}

/** Makes the methods of all services of Codes. */
export function codesService(options: CodesOptions): BoundMethod[] {
  const { now = Date.now } = options;
  const parts = { ...options, now };
  return [
    ...codesMethods({ ...parts, issue: (wishes) => issueCodes(parts, wishes) }),
    ...tillsService(parts),
    ...issuingService(parts),
    ...campaignsService(parts),
    ...policiesService(parts),
    ...reportsService(parts),
    ...guessesService(parts),
  ];
}
