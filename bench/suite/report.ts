// The table of the bench: each line a ratio of one run, its aim, and the numbers it was made of.

import { cpus } from "node:os";
import { MYSQL_VERSION } from "../../deploy/stack/mysqld.ts";

/** A line. A ratio of at least the aim is what was wanted. */
export interface Line {
  readonly id: string;
  readonly what: string;
  readonly ratio: number;
  readonly aim: number;
  readonly numbers: readonly string[];
}

/** Says under which conditions the numbers are. */
export function conditions(): string {
  const [cpu] = cpus();
  return (
    `${cpus().length} cores (${cpu?.model.trim()}), Node ${process.versions.node}, MySQL ${MYSQL_VERSION} with ` +
    "innodb_flush_log_at_trx_commit=1 and sync_binlog=1, Vitess 24.0.3 (vtcombo, 4 shards for appointments and " +
    "codes, 2 for claims), one Kafka 4.2.1 broker with acks=all, Redis 7 with appendfsync everysec; ghz on the same cores"
  );
}

/** Formats the table, as Markdown. */
export function formatTable(lines: readonly Line[]): string {
  const rows = lines.map(({ id, what, ratio, aim, numbers }) => {
    const verdict = ratio >= aim ? "yes" : "no";
    return `| ${id} | ${what} | ${format(ratio)} | ${format(aim)} | ${verdict} | ${numbers.join("; ")} |`;
  });
  return [
    "| line | measured / against | ratio | aim | met | numbers (medians) |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function format(value: number): string {
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
