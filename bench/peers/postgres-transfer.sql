-- The books of the comparison with PostgreSQL: wallets, transfers, and the two functions that move money.
-- Codes: 0 moved, 1 wallet_not_found, 2 insufficient_funds, 3 id_reused. The answer to an id is kept, a rejection too.

create table wallet (
  id uuid primary key,
  balance_minor bigint not null,
  funded_minor bigint not null,
  version bigint not null default 0,
  is_funding boolean not null default false,
  check (is_funding or balance_minor >= 0)
) with (fillfactor = 50);

create table transfer (
  id uuid primary key,
  debited uuid not null,
  credited uuid not null,
  amount_minor bigint not null,
  code smallint not null
);

create function transfer(asked_id uuid, asked_debited uuid, asked_credited uuid, asked_minor bigint)
returns smallint language plpgsql as $$
declare
  found_wallets bigint;
  available_minor bigint;
  answer smallint := 0;
begin
  -- Both wallets are locked in the order of their ids, so that no two transfers wait for each other.
  select count(*), max(balance_minor) filter (where id = asked_debited) into found_wallets, available_minor
  from (select id, balance_minor from wallet where id in (asked_debited, asked_credited) order by id for update) locked;
  if found_wallets < 2 then answer := 1;
  elsif available_minor < asked_minor then answer := 2;
  end if;
  insert into transfer values (asked_id, asked_debited, asked_credited, asked_minor, answer) on conflict (id) do nothing;
  if not found then
    return (
      select case when (debited, credited, amount_minor) = (asked_debited, asked_credited, asked_minor) then code else 3 end
      from transfer where id = asked_id
    );
  end if;
  if answer = 0 then
    update wallet
    set balance_minor = balance_minor + case when id = asked_debited then -asked_minor else asked_minor end,
        version = version + 1
    where id in (asked_debited, asked_credited);
  end if;
  return answer;
end $$;

create function transfer_batch(ids uuid[], debits uuid[], credits uuid[], amounts bigint[])
returns smallint[] language plpgsql as $$
declare
  all_funded boolean;
  inserted_count bigint;
  answers smallint[] := '{}';
begin
  perform from wallet where id = any (debits || credits) order by id for update;
  -- Where each wallet can pay all that is asked of it, their order does not matter, and sets are faster than a loop.
  select bool_and(wallet.id is not null and wallet.balance_minor >= asked.minor) into all_funded
  from (
    select id, sum(minor) as minor
    from (select unnest(debits) as id, unnest(amounts) as minor union all select unnest(credits), 0) sides
    group by id
  ) asked left join wallet using (id);
  if not all_funded or exists (select from unnest(debits, credits) as pair (debit, credit) where debit = credit) then
    for nth in 1 .. cardinality(ids) loop
      answers := answers || transfer(ids[nth], debits[nth], credits[nth], amounts[nth]);
    end loop;
    return answers;
  end if;
  with inserted as (
    insert into transfer select *, 0 from unnest(ids, debits, credits, amounts)
    on conflict (id) do nothing
    returning debited, credited, amount_minor
  ), change as (
    select id, sum(minor)::bigint as minor, count(*) as changes
    from (
      select debited as id, -amount_minor as minor from inserted
      union all
      select credited, amount_minor from inserted
    ) sides
    group by id
  ), moved as (
    update wallet set balance_minor = balance_minor + change.minor, version = version + change.changes
    from change where wallet.id = change.id
  )
  select count(*) into inserted_count from inserted;
  if inserted_count = cardinality(ids) then return array_fill(0::smallint, array[cardinality(ids)]); end if;
  return (
    select array_agg(
      case when (transfer.debited, transfer.credited, transfer.amount_minor) = (asked.debited, asked.credited, asked.minor)
        then transfer.code else 3 end
      order by nth)
    from unnest(ids, debits, credits, amounts) with ordinality as asked (id, debited, credited, minor, nth)
    join transfer using (id)
  );
end $$;
