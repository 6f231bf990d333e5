-- Sessions that can be refreshed. session_id ends in its person's suffix, so the id in a refresh token
-- finds its shard alone. Only the SHA-256 of the one good secret is kept. A session ends at
-- expires_at_ms, which each refresh moves, never past ends_at_ms; revoked_at_ms is 0 while it is not
-- revoked. The second key serves the sweep of a person's ended sessions when they sign in.
create table if not exists session (
  suffix char(2) character set ascii collate ascii_bin not null,
  session_id char(34) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) character set ascii collate ascii_bin not null,
  subject_id bigint not null,
  secret_hash binary(32) not null,
  generation int not null,
  expires_at_ms bigint not null,
  ends_at_ms bigint not null,
  revoked_at_ms bigint not null,
  primary key (suffix, session_id),
  key session_person (suffix, tenant_id, subject_id, expires_at_ms)
) engine = innodb default character set utf8mb4;
