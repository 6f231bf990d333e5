import { defineConfig } from "vitest/config";

// The suffix of a test file names what must be running: nothing ("unit"), or the real stack, whose
// addresses come in the environment (`npm test` starts it, or use the one of `npm start`).
const NEEDS_STACK = ["vitess", "redis", "kafka", "stack"].map((part) => `**/*.${part}.test.ts`);

export default defineConfig({
  test: {
    // kafkajs sets timers in the past, and Node warns of each.
    execArgv: ["--disable-warning=TimeoutNegativeWarning"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{services,deploy,test,bench}/**/*.test.ts"],
          exclude: [...NEEDS_STACK, "test/e2e/**", "test/browser/**", "test/faults/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "stack",
          include: NEEDS_STACK.map((glob) => `{services,test/simulation}/${glob}`),
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // The page in Chromium, which is fetched first where it is missing.
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 400_000,
        },
      },
      {
        extends: true,
        test: {
          // Breaks what the other tests need, so it runs alone, after them, and one file after the other.
          name: "faults",
          fileParallelism: false,
          include: ["test/faults/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
