-- Takes that are not settled: one row for the claims that one transaction took in one slot, written by
-- that transaction and deleted once all of them are final. Whoever finds an old row finds the claims by
-- its attempt. So settling costs one small row for hundreds of claims, and a claim is written once.
--
-- claims is how many it took: someone who meets all of them again may settle them, others may not.
create table if not exists unsettled_take (
  store_id bigint not null,
  slot_id bigint not null,
  attempt bigint not null,
  claims smallint not null,
  taken_at_ms bigint not null,
  primary key (store_id, slot_id, attempt),
  key by_age (taken_at_ms)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_0900_ai_ci;
