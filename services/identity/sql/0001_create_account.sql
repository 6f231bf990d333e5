-- People who can sign in. The suffix is computed from (tenant_id, subject_id), so a person's row, their
-- sessions and, in other keyspaces, their appointments and codes lie at the same place of the keyspace.
-- sign_in_key is "<tenant_id>:<name in normal form>". Its uniqueness across shards is kept by the vindex
-- account_sign_in and its table in global; the unique key here is the index that the vindex needs to
-- look for the owner of a name, and the second judge within a shard. The collation has no padding and
-- no folding: the normal form is made by Identity, and MySQL must not have another opinion.
create table if not exists account (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) character set ascii collate ascii_bin not null,
  subject_id bigint not null,
  role varchar(16) character set ascii collate ascii_bin not null,
  sign_in_key varchar(161) character set utf8mb4 collate utf8mb4_0900_bin not null,
  sign_in_name varchar(128) character set utf8mb4 collate utf8mb4_0900_bin not null,
  password_hash varchar(255) character set ascii collate ascii_bin not null,
  display_name varchar(128) character set utf8mb4 collate utf8mb4_0900_bin not null,
  store_ids json not null,
  request_hash binary(32) not null,
  created_at_ms bigint not null,
  primary key (suffix, tenant_id, subject_id),
  unique key account_sign_in_key (sign_in_key)
) engine = innodb default character set utf8mb4;
