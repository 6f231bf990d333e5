import { describe, expect, test } from "vitest";
import { pathsOf, readPlace, safeNext } from "./paths.ts";

const ID = `${"0a".repeat(16)}07`;

describe.each(["", "/t/other"])("below %j", (base) => {
  const paths = pathsOf(base);
  const tenantId = base === "" ? "betterbuy" : "other";

  test.each([
    [paths.stores(), { name: "stores", date: undefined }],
    [paths.stores("2026-11-07"), { name: "stores", date: "2026-11-07" }],
    [paths.times("1", "2026-11-07"), { name: "times", storeId: "1", date: "2026-11-07" }],
    [
      paths.review("1", "2026-11-07", "2"),
      { name: "review", storeId: "1", date: "2026-11-07", slotId: "2" },
    ],
    [paths.signIn(), { name: "sign-in", next: "", isEnded: false }],
    [paths.signIn("/a?b=c", true), { name: "sign-in", next: "/a?b=c", isEnded: true }],
    [paths.register("/a"), { name: "register", next: "/a" }],
    [paths.appointments(), { name: "appointments" }],
    [
      paths.appointment(ID, { storeId: "1", slotId: "2" }),
      { name: "appointment", appointmentId: ID, storeId: "1", slotId: "2" },
    ],
    [
      paths.appointment(ID),
      { name: "appointment", appointmentId: ID, storeId: undefined, slotId: undefined },
    ],
    [paths.staff(), { name: "staff" }],
  ])("%s is read as it was written", (path, route) => {
    const { pathname, search } = new URL(path, "http://page");
    expect(readPlace(pathname, search, "betterbuy")).toEqual({ tenantId, base, route });
  });
});

test.each([
  "/nowhere",
  "/stores",
  "/stores/x/2026-11-07",
  "/stores/1/2026-02-30",
  "/stores/1/2026-11-07/x",
  "/stores/1/2026-11-07/2/3",
  "/appointments/1",
  "/staff/x",
])("%s is nowhere", (path) => {
  expect(readPlace(path, "", "betterbuy").route).toEqual({ name: "missing" });
});

test("what is odd in a query is passed over", () => {
  const read = (path: string, query: string) => readPlace(path, query, "betterbuy").route;
  expect(read("/", "?date=soon")).toEqual({ name: "stores", date: undefined });
  expect(read(`/appointments/${ID}`, "?store=x&slot=2")).toMatchObject({ storeId: undefined });
});

test.each([
  ["/stores/1", "/stores/1"],
  ["/", "/"],
  [null, ""],
  ["", ""],
  ["//evil.example", ""],
  ["/\\evil.example", ""],
  ["https://evil.example", ""],
  ["javascript:alert(1)", ""],
  ["/a b", ""],
])("after signing in, %j leads to %j", (next, to) => {
  expect(safeNext(next)).toBe(to);
});
