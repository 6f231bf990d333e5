-- One row per appointment: its code while it lives and after, and the receipt of its redemption.
--
-- The suffix owns the shard, and a code ends in its suffix: so a key that is unique on a shard is
-- unique in the world. Only live codes are unique: active_code repeats code while the code can still
-- be redeemed or revoked, and is NULL from then on, which gives the digits back for another
-- appointment. `code` itself is never updated: Vitess routes by it, and refuses to.
--
-- A row without a code is a tombstone: the appointment was revoked before it was issued, and the
-- primary key keeps a later issue out.
--
-- once_a_request lists a code's rows, and is what keeps a request that redeemed a code from redeeming
-- the same digits again after they were issued anew: a late retry meets its own receipt.
create table if not exists pickup_code (
  suffix char(2) character set ascii collate ascii_bin not null,
  appointment_id char(34) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  shopper_id varchar(64) collate utf8mb4_0900_bin not null,
  store_id bigint not null,
  party_size smallint null,
  code char(8) character set ascii collate ascii_bin null,
  active_code char(8) character set ascii collate ascii_bin null,
  -- 1 live, 2 redeemed, 3 revoked. Expired is live past expires_at_ms.
  state tinyint not null,
  issued_at_ms bigint null,
  expires_at_ms bigint null,
  revoked_at_ms bigint null,
  redemption_id bigint null,
  redeemed_at_ms bigint null,
  redeemed_store_id bigint null,
  redeemed_by varchar(64) collate utf8mb4_0900_bin null,
  redeem_request_id varchar(64) collate utf8mb4_0900_bin null,
  primary key (suffix, appointment_id),
  unique key one_live (active_code),
  unique key once_a_request (code, redeemed_store_id, redeem_request_id)
) engine=InnoDB default charset=utf8mb4;
