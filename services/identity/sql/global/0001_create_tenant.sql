-- Retailers. A tenant owns people, stores and codes but has no place in the keyspace, so it is a row
-- without shards. There are few, they never change, and Identity remembers those it has seen.
create table if not exists tenant (
  tenant_id varchar(32) character set ascii collate ascii_bin not null,
  name varchar(128) not null,
  created_at_ms bigint not null,
  primary key (tenant_id)
) engine = innodb default character set utf8mb4;
