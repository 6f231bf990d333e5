-- Claims: which appointment took how many spots of which slot, or was refused and why. A claim is
-- written once and never deleted, because its primary key is what makes a repeated take find its old
-- answer instead of taking twice.
--
-- state, by the numbers of ClaimState: 1 LOCKED, 2 CONFIRMED (both hold spots), 3 RELEASED, 4 REFUSED.
-- refusal, by those of ClaimRefusal: 0 unless REFUSED.
-- active_shopper is the shopper while the claim holds spots, and null after: the unique key lets a
-- shopper of a tenant hold one claim in a slot. The tenant is part of it because a take may name a slot
-- that is not its tenant's, and must not stand in the way of that tenant's shopper of the same id.
-- attempt is a random number of the transaction that wrote the row: so that transaction knows its own
-- rows from old ones when it reads them back.
create table if not exists claim (
  store_id bigint not null,
  slot_id bigint not null,
  appointment_id char(34) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) character set utf8mb4 collate utf8mb4_0900_bin not null,
  shopper_id varchar(64) character set utf8mb4 collate utf8mb4_0900_bin not null,
  active_shopper varchar(64) character set utf8mb4 collate utf8mb4_0900_bin null,
  party_size smallint not null,
  state tinyint not null,
  refusal tinyint not null,
  attempt bigint not null,
  taken_at_ms bigint not null,
  updated_at_ms bigint not null,
  primary key (store_id, slot_id, appointment_id),
  unique key by_active_shopper (store_id, slot_id, tenant_id, active_shopper),
  key by_state (state, taken_at_ms)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_0900_ai_ci;
