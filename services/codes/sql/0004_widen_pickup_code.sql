-- Codes by policy: of other lengths and symbols, for several items, for a while locked by a clerk.
--
-- Only a tenant's own staff ask for a tenant's codes, so codes are unique within the tenant: each tenant
-- has the whole space. The key begins with the suffix, which the code's own end tells, so that the live
-- codes of a suffix are counted and swept by it. by_member lists what someone holds.
alter table pickup_code
  modify column code varchar(20) character set ascii collate ascii_bin null,
  modify column active_code varchar(20) character set ascii collate ascii_bin null,
  -- The policy that the code was issued under.
  add column policy_version smallint not null default 0,
  -- What the issuer calls it: an order number. Null for an appointment.
  add column subject varchar(64) collate utf8mb4_0900_bin null,
  -- What a clerk hands over.
  add column goods varchar(200) null,
  -- How many times or items it is good for, and how many are left.
  add column items smallint not null default 1,
  add column items_left smallint not null default 1,
  -- Raised whenever tickets that were made before must not count any more.
  add column serial smallint not null default 1,
  add column opens_at_ms bigint null,
  add column any_store tinyint not null default 0,
  -- A clerk who looks at the goods. Counts until locked_until_ms.
  add column locked_by varchar(64) collate utf8mb4_0900_bin null,
  add column locked_store_id bigint null,
  add column locked_until_ms bigint null,
  -- To whom it was given, and the appointment that their code is for. Whoever takes the one back takes the
  -- other back.
  add column transferred_to_id char(34) character set ascii collate ascii_bin null,
  add column transferred_to_shopper_id varchar(64) collate utf8mb4_0900_bin null,
  -- How many items the last redemption took. Null before items were counted: one.
  add column redeemed_items smallint null,
  drop key one_live,
  add unique key one_live (suffix, tenant_id, active_code),
  add key by_member (suffix, tenant_id, shopper_id, issued_at_ms);
