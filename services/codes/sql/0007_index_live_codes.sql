-- What is found among the live codes without a look at the dead, which are nearly all.
--
-- ends_at_ms is expires_at_ms while a code holds its number, and null from then on. By by_end the sweeper
-- finds what is to expire at a suffix and counts what is live there; by by_live the live codes of a tenant
-- and its stores are counted, by by_issue what was issued in some time. All of them cover their queries.
alter table pickup_code
  add column ends_at_ms bigint generated always as (if(active_code is null, null, expires_at_ms)) virtual,
  add key by_end (suffix, ends_at_ms, tenant_id, active_code),
  add key by_live (tenant_id, ends_at_ms, store_id),
  add key by_issue (tenant_id, issued_at_ms, store_id);

-- Reports are of a time, of one store or all of them: so the time comes first.
alter table code_event
  drop key by_store,
  add key by_time (tenant_id, at_ms, store_id, kind, items);

-- How many live codes of one length a tenant has at a suffix, as the sweeper counted last. What is not there
-- is zero. `reached` is the line that was told of: 0 none, 1 to warn, 2 to stop.
create table if not exists code_density (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  symbols tinyint not null,
  live_codes bigint not null,
  reached tinyint not null,
  primary key (suffix, tenant_id, symbols)
) engine=InnoDB default charset=utf8mb4;
