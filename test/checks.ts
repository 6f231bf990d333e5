// The checks that need nothing running: types, style, contracts, and that what is generated is what is
// committed.

import { join } from "node:path";
import { ROOT, type Step } from "./run.ts";

const VITESS = join(ROOT, "deploy/vitess");
/** The flags that vtcombo is built with: other flags would compile Vitess a second time. */
const GO_ENV = { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -trimpath" };

/** The checks, in an order that tells the cheap failures first. */
export const CHECKS: readonly Step[] = [
  { name: "tsc", command: ["tsc", "--noEmit", "-p", "."], count: "exit" },
  {
    name: "tsc (the page)",
    command: ["tsc", "--noEmit", "-p", "services/web/app"],
    count: "exit",
  },
  { name: "biome", command: ["biome", "check", "--error-on-warnings", "."], count: "exit" },
  {
    name: "validate.proto is there",
    command: ["node", "deploy/generate.ts", "--fetch-only"],
    count: "exit",
  },
  { name: "buf lint", command: ["buf", "lint"], count: "exit" },
  {
    name: "buf format",
    command: ["buf", "format", "--diff", "--exit-code", "proto"],
    count: "exit",
  },
  {
    name: "buf breaking",
    command: ["buf", "breaking", "proto", "--against", "proto/baseline.binpb"],
    count: "exit",
  },
  { name: "generate leaves no diff", command: ["node", "test/generated.ts"], count: "exit" },
  { name: "gofmt", command: ["node", "test/gofmt.ts"], folder: ROOT, count: "exit" },
  {
    name: "go vet",
    command: ["go", "vet", "./..."],
    folder: VITESS,
    env: GO_ENV,
    count: "exit",
  },
];

/** The tests of the vindex. */
export const GO_TESTS: Step = {
  name: "go test (the vindex)",
  command: ["go", "test", "-json", "./..."],
  folder: VITESS,
  env: GO_ENV,
  count: "go",
};

/** The tests that need nothing running. */
export const UNIT_TESTS: Step = {
  name: "unit tests",
  command: ["vitest", "run", "--project", "unit"],
  count: "vitest",
};
