// The Kafka API behind two narrow functions: send one record, and handle batches of records in order.
// kafkajs is not maintained, so its known traps are closed here and nowhere else:
// - no idempotent producer: with concurrent sends it acknowledges records it never wrote (kafkajs#1005);
//   whoever reads must know a record by its own id;
// - one partition per request, always named, and the answer must carry its offset (kafkajs#1303);
// - it has no linger, so records are collected here: one request each costs 480 us, in batches 10;
// - offsets are committed only for what was handled (its default marks a whole batch when a handler
//   returns early), and a new group begins at the first record;
// - a consumer that crashes for good, or hangs silently (kafkajs#659), ends the process: the supervisor
//   starts it anew.

import { type Consumer, type EachBatchPayload, Kafka, logLevel } from "kafkajs";
import { createBatcher } from "#shared/batch.ts";
import { Code, isTransient, meshError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { backoffMs, sleep } from "#shared/time.ts";

/** A request costs the broker some 350 us however small it is: under load this makes tens of items one. */
const LINGER_MS = 8;
const BATCH_ITEMS_MAX = 500;
const WAITING_PER_PARTITION_MAX = 20_000;
const SEND_MS_MAX = 3000;
const HANDLE_RECORDS_MAX = 500;
const FETCH_BYTES_MIN = 16 * 1024;
const FETCH_WAIT_MS = 40;
const SESSION_MS = 6000;
const HEARTBEAT_MS = 1500;
const WATCH_MS = 10_000;
const SILENCE_MS_MAX = 30_000;
const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 2000;

/** Where the brokers are and who connects. */
export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: Logger;
}

/** A record to send. */
export interface OutRecord {
  /** Records of one key keep their order. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record that was read. */
export interface InRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: Buffer;
}

/** How items become records. */
export interface Format<Item> {
  /** Names what keeps its order: items of one key stay in theirs. */
  keyOf(item: Item): string;
  /** Makes the records of some items that are sent together, in their order. */
  toRecords(items: readonly Item[]): OutRecord[];
}

/** A record is an item. */
const AS_RECORDS: Format<OutRecord> = {
  keyOf: ({ key }) => key,
  toRecords: (records) => [...records],
};

/** Sends items to one topic. */
export interface Sender<Item> {
  /** Resolves once the broker has the item on all replicas that are in sync. Rejects with UNAVAILABLE
   * if that is not known: the item may be there or not, so send the same again. */
  send(item: Item): Promise<void>;
  stop(): Promise<void>;
}

/** Creates topics that are not there, and waits until they can be used. Goes on trying. */
export async function ensureTopics(
  options: KafkaOptions,
  topics: readonly { topic: string; partitions: number }[],
): Promise<void> {
  const admin = connect(options).admin();
  for (let attempt = 0; ; attempt += 1) {
    try {
      await admin.connect();
      const known = new Set(await admin.listTopics());
      await admin.createTopics({
        waitForLeaders: true,
        topics: topics
          .filter(({ topic }) => !known.has(topic))
          .map(({ topic, partitions }) => ({ topic, numPartitions: partitions })),
      });
      await admin.disconnect();
      return;
    } catch (error) {
      options.logger.warn({ cause: (error as Error).message }, "the brokers are away");
      await sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS));
    }
  }
}

/** Opens a sender of records to a topic. */
export function openSender(options: KafkaOptions, topic: string): Promise<Sender<OutRecord>> {
  return openSenderOf(options, topic, AS_RECORDS);
}

/** Opens a sender of items to a topic. They go to the partition that their key's hash names. */
export async function openSenderOf<Item>(
  options: KafkaOptions,
  topic: string,
  format: Format<Item>,
): Promise<Sender<Item>> {
  const kafka = connect(options);
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    idempotent: false,
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 500 },
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  await producer.connect();
  const partitions = await countPartitions(kafka, topic);

  const sendBatch = async (partition: number, items: readonly Item[]) => {
    const messages = format.toRecords(items).map(({ key, value, headers }) => ({
      partition,
      key,
      value: Buffer.from(value),
      ...(headers && { headers }),
    }));
    const answers = await Promise.race([
      producer.send({ topic, acks: -1, timeout: SEND_MS_MAX, messages }),
      sleep(SEND_MS_MAX).then(() => {
        throw new Error(`no acknowledgement within ${SEND_MS_MAX} ms`);
      }),
    ]).catch((error: unknown) => {
      throw meshError(Code.Unavailable, "the queue did not acknowledge: send the same again", {
        reason: "QUEUE_AWAY",
        retryMs: 500,
        cause: error,
      });
    });
    const answer = answers.find((one) => one.partition === partition);
    if (answer?.baseOffset === undefined || answer.errorCode !== 0) {
      throw meshError(Code.Unavailable, "the queue gave no offset: send the same again", {
        reason: "QUEUE_AWAY",
        retryMs: 500,
      });
    }
    return items.map(() => undefined);
  };
  const batchers = Array.from({ length: partitions }, (_, partition) =>
    createBatcher<Item, undefined>({
      run: (items) => sendBatch(partition, items),
      itemsMax: BATCH_ITEMS_MAX,
      // A second one in flight could overtake the first.
      batchesMax: 1,
      waitingMax: WAITING_PER_PARTITION_MAX,
      lingerMs: LINGER_MS,
    }),
  );
  return {
    send: (item) => {
      const batcher = batchers[hashOf(format.keyOf(item)) % partitions];
      return (batcher as (item: Item) => Promise<undefined>)(item);
    },
    stop: () => producer.disconnect(),
  };
}

/** Reads a topic as a member of a group, and hands its records on in batches of one partition, in
 * order. A batch is handed on again until handle() returns; only then is its offset committed. */
export async function openReceiver(
  options: KafkaOptions & {
    readonly topic: string;
    readonly group: string;
    /** Handles records; must be able to handle them twice. */
    readonly handle: (records: readonly InRecord[]) => Promise<void>;
    /** Is told why the receiver cannot go on. */
    readonly onFatal: (why: string) => void;
  },
): Promise<{ stop(): Promise<void> }> {
  const kafka = connect(options);
  const consumer = kafka.consumer({
    groupId: options.group,
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    allowAutoTopicCreation: false,
    // A fetch waits until so much came, but not long: what comes together is handled together.
    minBytes: FETCH_BYTES_MIN,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: 512 * 1024,
    // Few, so that a consumer whose brokers went away begins anew soon after they are back.
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 500 },
  });
  let lastEventAtMs = Date.now();
  const seen = () => {
    lastEventAtMs = Date.now();
  };
  consumer.on(consumer.events.FETCH, seen);
  consumer.on(consumer.events.END_BATCH_PROCESS, seen);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    options.logger.warn(
      { cause: payload.error.message, restart: payload.restart },
      "consumer crash",
    );
    if (!payload.restart) {
      options.onFatal(`the consumer of ${options.topic} crashed for good`);
    }
  });
  await consumer.connect();
  await consumer.subscribe({ topic: options.topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 16,
    eachBatch: (payload) => handleBatch(payload, options, seen),
  });
  const watch = setInterval(() => {
    if (Date.now() - lastEventAtMs > SILENCE_MS_MAX) {
      void checkHang(kafka, options).then((why) => why && options.onFatal(why));
    }
  }, WATCH_MS);
  return {
    stop: async () => {
      clearInterval(watch);
      await stopConsumer(consumer);
    },
  };
}

async function handleBatch(
  payload: EachBatchPayload,
  options: {
    readonly handle: (records: readonly InRecord[]) => Promise<void>;
    readonly logger: Logger;
  },
  seen: () => void,
): Promise<void> {
  const { batch, heartbeat, isRunning, isStale, resolveOffset, commitOffsetsIfNecessary } = payload;
  const isOurs = () => isRunning() && !isStale();
  const records = batch.messages.map(({ key, value, offset }) => ({
    partition: batch.partition,
    offset,
    key: key?.toString() ?? "",
    value: value ?? Buffer.alloc(0),
  }));
  // kafkajs sends no heartbeat while a handler works; a slow database must not cost the membership.
  const beat = setInterval(() => {
    seen();
    heartbeat().catch(() => {
      // The group goes on without us: isStale() says so, and the records come again elsewhere.
    });
  }, HEARTBEAT_MS);
  try {
    for (let start = 0; start < records.length && isOurs(); start += HANDLE_RECORDS_MAX) {
      const part = records.slice(start, start + HANDLE_RECORDS_MAX);
      if (!(await handleUntilDone(part, options, isOurs))) {
        return;
      }
      const last = (part.at(-1) as InRecord).offset;
      resolveOffset(last);
      await commitOffsetsIfNecessary({
        topics: [
          {
            topic: batch.topic,
            partitions: [{ partition: batch.partition, offset: (BigInt(last) + 1n).toString() }],
          },
        ],
      });
    }
  } finally {
    clearInterval(beat);
  }
}

async function handleUntilDone(
  records: readonly InRecord[],
  { handle, logger }: Parameters<typeof handleBatch>[1],
  isOurs: () => boolean,
): Promise<boolean> {
  for (let attempt = 0; isOurs(); attempt += 1) {
    try {
      await handle(records);
      return true;
    } catch (error) {
      if (isTransient(error)) {
        const { message } = error as Error;
        logger.warn({ attempt, cause: message }, "records could not be handled: again soon");
      } else {
        logger.error({ attempt, err: error }, "records met a bug: again soon");
      }
      await sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS));
    }
  }
  return false;
}

/** Says why a silent consumer must be ended, or undefined if it has nothing to do or the brokers are
 * away. */
async function checkHang(
  kafka: Kafka,
  { topic, group }: { readonly topic: string; readonly group: string },
): Promise<string | undefined> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(topic);
    const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const offsets = new Map(
      committed?.partitions.map(({ partition, offset }) => [partition, offset]),
    );
    const isBehind = ends.some(
      ({ partition, offset }) => BigInt(offset) > BigInt(offsets.get(partition) ?? -1),
    );
    return isBehind ? `the consumer of ${topic} has been silent with records to read` : undefined;
  } catch {
    // The brokers are away; kafkajs goes on trying by itself.
    return undefined;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function stopConsumer(consumer: Consumer): Promise<void> {
  await consumer.stop();
  await consumer.disconnect();
}

function connect({ brokers, clientId, logger }: KafkaOptions): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: 3000,
    requestTimeout: 10_000,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: RETRY_MAX_MS },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ log }) =>
        logger.debug({ kafkajs: log.message, cause: log.error }, "kafkajs"),
  });
}

async function countPartitions(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  await admin.disconnect();
  const count = topics[0]?.partitions.length ?? 0;
  if (count === 0) {
    throw new Error(`topic ${topic} has no partitions: was it created?`);
  }
  return count;
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo): short, and even enough to spread keys over partitions. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
