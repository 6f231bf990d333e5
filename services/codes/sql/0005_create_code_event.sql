-- What was done with codes after their issue, each line written once, in the transaction that did it. It
-- is the ledger, and it is what makes a request count once: a retry meets its own line, which is its
-- receipt, also when its digits have been issued to someone else since.
create table if not exists code_event (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  appointment_id char(34) character set ascii collate ascii_bin not null,
  event_id bigint not null,
  -- 1 redeemed, 2 reversed, 3 locked, 4 unlocked, 5 revoked, 6 extended, 7 transferred away, 8 expired.
  kind tinyint not null,
  -- The code at that time, for a retry that knows no more.
  code varchar(20) character set ascii collate ascii_bin not null,
  store_id bigint not null,
  staff_id varchar(64) collate utf8mb4_0900_bin not null,
  request_id varchar(64) collate utf8mb4_0900_bin not null,
  items smallint not null,
  -- Of a reversal, the redemption that it reverses.
  of_event_id bigint null,
  reason varchar(200) null,
  at_ms bigint not null,
  primary key (suffix, appointment_id, event_id),
  unique key once_a_request (suffix, tenant_id, code, store_id, request_id),
  unique key one_reversal (suffix, appointment_id, of_event_id),
  key by_store (tenant_id, store_id, at_ms)
) engine=InnoDB default charset=utf8mb4;

-- Codes that were given to someone whose own code is not known to be there yet. The row is written with the
-- death of the one and deleted after the birth of the other, so what a crash left in between is found by
-- reading a table that is nearly always empty.
create table if not exists code_transfer (
  suffix char(2) character set ascii collate ascii_bin not null,
  appointment_id char(34) character set ascii collate ascii_bin not null,
  at_ms bigint not null,
  primary key (suffix, appointment_id)
) engine=InnoDB default charset=utf8mb4;
