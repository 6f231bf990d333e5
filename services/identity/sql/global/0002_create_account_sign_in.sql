-- Which keyspace id a sign-in key lies at. Vitess writes and reads it (the vindex account_sign_in of
-- keyspace identity); no statement of ours does. A row without an account is left by a registration
-- that died between the two commits; the next one for that name takes the row over.
create table if not exists account_sign_in (
  sign_in_key varchar(161) character set utf8mb4 collate utf8mb4_0900_bin not null,
  keyspace_id varbinary(128) not null,
  primary key (sign_in_key)
) engine = innodb default character set utf8mb4;
