-- Services: what is booked. They belong to a tenant and to no store, are few, and never change; slots
-- copy what they need of them, so that no booking reads this table.
create table if not exists service (
  service_id bigint not null,
  tenant_id varchar(32) character set utf8mb4 collate utf8mb4_0900_bin not null,
  name varchar(128) character set utf8mb4 collate utf8mb4_0900_as_ci not null,
  party_size_max int not null,
  request_key binary(32) not null,
  request_hash binary(32) not null,
  created_at_ms bigint not null,
  primary key (service_id),
  unique key by_name (tenant_id, name),
  unique key by_request (tenant_id, request_key)
) engine = innodb default charset = utf8mb4;
