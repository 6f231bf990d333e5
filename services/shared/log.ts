// One JSON line an event, to standard output. Only named fields are written: no request bodies, no
// tokens, no codes. The redaction list is the second line of defence, not the first.

import pino from "pino";

/** What services log with. */
export type Logger = pino.Logger;

const NEVER_LOGGED = ["code", "password", "token", "authorization", "refreshToken", "accessToken"];

/** Makes the logger of a process. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: NEVER_LOGGED.flatMap((name) => [name, `*.${name}`]), remove: true },
  });
}
