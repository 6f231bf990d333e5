-- Many codes at once that are for no appointment: coupons, tickets to be printed. A campaign is nothing but
-- the subjects "<campaign>/<n>", each idempotent by itself; its row says what every code of it is, and up to
-- which n they are issued. It lies at the suffix of the tenant. next_index is moved on by compare-and-set
-- after a batch, so any number of callers can run one campaign, and whoever calls later goes on from there.
create table if not exists code_campaign (
  suffix char(2) character set ascii collate ascii_bin not null,
  tenant_id varchar(32) collate utf8mb4_0900_bin not null,
  campaign_id varchar(50) character set ascii collate ascii_bin not null,
  -- How many codes, and for what each of them is.
  wanted int not null,
  terms json not null,
  -- The policy of all its codes: of another one they would lie elsewhere, and be issued twice.
  policy_version smallint not null,
  next_index int not null default 0,
  created_by varchar(64) collate utf8mb4_0900_bin not null,
  created_at_ms bigint not null,
  primary key (suffix, tenant_id, campaign_id)
) engine=InnoDB default charset=utf8mb4;

-- What tells two bodies under one subject apart: 63 bits of a hash. Null for an appointment.
alter table pickup_code add column body_hash bigint null;
