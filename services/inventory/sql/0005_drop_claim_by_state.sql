-- Unsettled claims are found by unsettled_take, so claims need no index by state any more. It cost two
-- entries a booking.
alter table claim drop index by_state;
