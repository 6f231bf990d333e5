-- The shopper's side of a booking, and the one place where its final answer is written. A row appears
-- when the answer is known: CONFIRMED, REFUSED, or CANCELLED and EXPIRED as tombstones that a late
-- worker finds. It is never deleted, so an answer cannot change by being asked again.
--
-- suffix is the primary vindex column; appointment_id ends in the same two digits, so either finds the
-- shard. work says what is still owed after a state was written: 0 nothing, 1 the code must be killed,
-- 2 the spots must be given back.
create table if not exists appointment (
  suffix char(2) character set ascii collate ascii_bin not null,
  appointment_id char(34) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) character set ascii collate ascii_bin not null,
  shopper_id varchar(64) character set utf8mb4 collate utf8mb4_bin not null,
  store_id bigint not null,
  slot_id bigint not null,
  party_size smallint unsigned not null,
  state tinyint unsigned not null,
  refusal tinyint unsigned not null,
  work tinyint unsigned not null,
  created_at_ms bigint not null,
  state_at_ms bigint not null,
  primary key (suffix, appointment_id),
  key by_shopper (suffix, tenant_id, shopper_id, created_at_ms, appointment_id),
  key by_slot (slot_id, state, appointment_id),
  key by_work (work, state_at_ms)
) engine = innodb default charset = utf8mb4;
