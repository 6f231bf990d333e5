-- Slots and how many of their spots are free. What a take must know is in this one row, so that it is
-- one locked read: the tenant, the party size of the service and the zone of the store are copied here
-- when the slot is made, and none of them ever changes.
--
-- available + the spots of the slot's claims in state LOCKED or CONFIRMED = total, always: every
-- transaction that changes one side changes the other, and adds 1 to version. The check is the last
-- line behind the where clauses that keep it so.
--
-- request_key names the CreateSlots call that made the slot, ordinal its place in that call: the unique
-- key makes a call that is repeated find its own slots.
create table if not exists slot (
  store_id bigint not null,
  slot_id bigint not null,
  tenant_id varchar(32) character set utf8mb4 collate utf8mb4_0900_bin not null,
  service_id bigint not null,
  time_zone varchar(64) character set ascii collate ascii_bin not null,
  starts_at_ms bigint not null,
  ends_at_ms bigint not null,
  opens_at_ms bigint not null,
  total int not null,
  available int not null,
  party_size_max int not null,
  version bigint not null,
  request_key binary(32) not null,
  request_hash binary(32) not null,
  ordinal smallint not null,
  created_at_ms bigint not null,
  primary key (store_id, slot_id),
  unique key by_request (store_id, request_key, ordinal),
  key by_start (store_id, starts_at_ms, slot_id),
  constraint slot_available check (available between 0 and total)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_0900_ai_ci;
