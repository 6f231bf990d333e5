-- Stores. A store's id is its place in the keyspace (vindex store_place, xxhash), and its slots and
-- claims lie beside it: a spot is taken in one transaction on one shard. A key that is unique here is
-- unique in a shard only, so the names of a tenant's stores are kept unique in global.store_name,
-- where a store begins: its row here is the second step, and a retry finishes it.
create table if not exists store (
  store_id bigint not null,
  tenant_id varchar(32) character set utf8mb4 collate utf8mb4_0900_bin not null,
  name varchar(128) not null,
  address varchar(250) not null,
  time_zone varchar(64) character set ascii collate ascii_bin not null,
  latitude double not null,
  longitude double not null,
  created_at_ms bigint not null,
  primary key (store_id),
  key by_tenant (tenant_id, store_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_0900_ai_ci;
