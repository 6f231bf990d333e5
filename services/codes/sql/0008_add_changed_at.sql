-- When a row was last written, for tills that hold a store's codes while they are offline: they ask what
-- changed since they asked last. MySQL itself sets it, so no statement can forget to. by_store lists a
-- store's codes in the order of their last change; with their end in the key, those whose time is over are
-- passed over without a look at their rows. It costs an issue 9 us of mysqld's CPU more a code (53 instead
-- of 44, in batches of 1,000); without it, each of a store's tills would read all live codes of the tenant
-- whenever it asks.
alter table pickup_code
  add column changed_at timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
  add key by_store (tenant_id, store_id, changed_at, expires_at_ms);
