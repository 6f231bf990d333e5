-- The names of stores, where a name is unique in its tenant whatever the shard of the store: a store
-- begins here, and its id is the one that this row says. Case makes no other name, accents do.
-- request_key names the call that made the row, request_hash what it asked for.
create table if not exists store_name (
  tenant_id varchar(32) character set utf8mb4 collate utf8mb4_0900_bin not null,
  name varchar(128) character set utf8mb4 collate utf8mb4_0900_as_ci not null,
  store_id bigint not null,
  request_key binary(32) not null,
  request_hash binary(32) not null,
  created_at_ms bigint not null,
  primary key (tenant_id, name),
  unique key by_request (tenant_id, request_key)
) engine = innodb default charset = utf8mb4;
