-- How far a number space has been handed out, for each tenant, suffix and shape of code: on the shard of
-- its codes. Numbers are taken in blocks: whoever moves the cursor owns what it passed. A block that dies
-- with its process is lost until the space has been round, and never given twice.
--
-- location is what stands in the code for the suffix: the suffix itself, or three digits that end in it.
create table if not exists code_space (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  shape varchar(8) character set ascii collate ascii_bin not null,
  location char(3) character set ascii collate ascii_bin not null,
  next_number bigint not null,
  primary key (suffix, tenant_id, shape, location)
) engine=InnoDB default charset=utf8mb4;

-- Numbers whose codes are dead, from when they may be given again: after the quarantine. A space that
-- has been round lives on these, so a full space costs what an empty one does. A number that is being
-- given is put off for a while rather than deleted: it comes back if whoever had it died.
create table if not exists freed_number (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  shape varchar(8) character set ascii collate ascii_bin not null,
  location char(3) character set ascii collate ascii_bin not null,
  number bigint not null,
  free_at_ms bigint not null,
  primary key (suffix, tenant_id, shape, location, number),
  key by_time (suffix, tenant_id, shape, location, free_at_ms)
) engine=InnoDB default charset=utf8mb4;
