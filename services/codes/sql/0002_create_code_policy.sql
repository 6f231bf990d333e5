-- The versions of a tenant's policy, which are written once and never change. They lie at the suffix of the
-- tenant itself, all in one shard, so that two who make the next version meet at the primary key.
create table if not exists code_policy (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  version smallint not null,
  policy json not null,
  created_by varchar(64) collate utf8mb4_0900_bin not null,
  created_at_ms bigint not null,
  primary key (suffix, tenant_id, version)
) engine=InnoDB default charset=utf8mb4;
