-- What the ids of a tenant's subjects hang on: random, made once and never changed, since another one would
-- give each subject another code. It lies in the keyspace and not with the keys of the processes, so that it
-- is kept, and restored, with the codes whose ids follow from it.
create table if not exists subject_secret (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  secret char(64) character set ascii collate ascii_bin not null,
  primary key (suffix, tenant_id)
) engine=InnoDB default charset=utf8mb4;
