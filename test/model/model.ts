// Puts a configuration, its steps and its promises together, and checks it.

import { check, type Verdict } from "./checker.ts";
import { CONFIGURATIONS, type Configuration, type Mutant } from "./configurations.ts";
import { createPromises } from "./promises.ts";
import { createCanonical, firstState, layOut } from "./states.ts";
import { createSteps } from "./steps.ts";

/** Checks a configuration, with a mistake or without. */
export function checkConfiguration(configuration: Configuration, mutant?: Mutant): Verdict {
  const layout = layOut(configuration);
  return check({
    initial: firstState(configuration, layout),
    successors: createSteps(configuration, layout, mutant),
    canonical: createCanonical(configuration, layout),
    ...createPromises(configuration, layout),
  });
}

/** Checks the configuration that a mistake is looked for in. */
export function checkMutant(mutant: Mutant): Verdict {
  const configuration = CONFIGURATIONS.find(({ name }) => name === mutant.configuration);
  if (!configuration) {
    throw new Error(`no configuration is called "${mutant.configuration}"`);
  }
  return checkConfiguration(configuration, mutant);
}
