// What the two functions over the Kafka API promise, on a real broker.

import { expect, test } from "vitest";
import { ensureTopics, type InRecord, openReceiver, openSender } from "#shared/kafka.ts";
import { silentLogger, testConfig, uniqueId } from "#shared/testing.ts";

const options = { brokers: testConfig().kafkaBrokers, clientId: "test", logger: silentLogger() };
const onFatal = (why: string) => {
  throw new Error(why);
};

async function newTopic(partitions: number): Promise<string> {
  const topic = `test.${uniqueId()}`;
  await ensureTopics(options, [{ topic, partitions }]);
  return topic;
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function textOf({ value }: InRecord): string {
  return value.toString();
}

test("records of one key stay in order, and none is lost among 5,000 sent at once", async () => {
  const topic = await newTopic(3);
  const sender = await openSender(options, topic);
  const sent = Array.from({ length: 5000 }, (_, index) => ({ key: `k${index % 7}`, index }));
  await Promise.all(
    sent.map(({ key, index }) => sender.send({ key, value: Buffer.from(String(index)) })),
  );
  const got = new Map<string, number[]>();
  let count = 0;
  const receiver = await openReceiver({
    ...options,
    topic,
    group: topic,
    onFatal,
    handle: async (records) => {
      for (const record of records) {
        got.set(record.key, [...(got.get(record.key) ?? []), Number(textOf(record))]);
        count += 1;
      }
    },
  });
  await until(() => count >= sent.length);
  const wanted = Map.groupBy(sent, ({ key }) => key);
  for (const [key, indexes] of got) {
    expect(indexes).toEqual(wanted.get(key)?.map(({ index }) => index));
  }
  expect(count).toBe(sent.length);
  await Promise.all([sender.stop(), receiver.stop()]);
});

test("a batch that fails comes again until it is handled, and only then the next", async () => {
  const topic = await newTopic(1);
  const sender = await openSender(options, topic);
  const seen: string[][] = [];
  let failures = 2;
  const receiver = await openReceiver({
    ...options,
    topic,
    group: topic,
    onFatal,
    handle: async (records) => {
      seen.push(records.map(textOf));
      if (failures > 0) {
        failures -= 1;
        throw new TypeError("a bug that kafkajs would take for the end");
      }
    },
  });
  await sender.send({ key: "k", value: Buffer.from("1") });
  await until(() => seen.length === 3);
  await sender.send({ key: "k", value: Buffer.from("2") });
  await until(() => seen.length === 4);
  expect(seen).toEqual([["1"], ["1"], ["1"], ["2"]]);
  await Promise.all([sender.stop(), receiver.stop()]);
});

test("what was handled does not come again to the next process of the group", async () => {
  const topic = await newTopic(1);
  const sender = await openSender(options, topic);
  const receive = async (seen: string[]) =>
    openReceiver({
      ...options,
      topic,
      group: topic,
      onFatal,
      handle: async (records) => {
        seen.push(...records.map(textOf));
      },
    });
  const first: string[] = [];
  const receiver = await receive(first);
  await sender.send({ key: "k", value: Buffer.from("1") });
  await until(() => first.length === 1);
  await receiver.stop();
  await sender.send({ key: "k", value: Buffer.from("2") });
  const second: string[] = [];
  const next = await receive(second);
  await until(() => second.length === 1);
  expect([first, second]).toEqual([["1"], ["2"]]);
  await Promise.all([sender.stop(), next.stop()]);
});

test("topics that are there are left as they are", async () => {
  const topic = await newTopic(2);
  await ensureTopics(options, [{ topic, partitions: 5 }]);
  const sender = await openSender(options, topic);
  await sender.send({ key: "k", value: Buffer.from("1") });
  await sender.stop();
});
