"""The tables of a ledger in PostgreSQL 15 or newer, in a schema of their own."""

__all__ = ["CREATE", "DERIVED_TABLES", "SCHEMA_VERSION", "SEQUENCER"]

SCHEMA_VERSION = 1
"""the version that stands in `weightmark.log`"""
SEQUENCER = 0x774D4C47
"""the advisory lock that whoever appends holds"""

_TRUTH = (
    "create schema weightmark",
    "create table weightmark.log(id integer primary key check (id = 0), version integer not null, vkey text not null, standing bytea)",
    "create table weightmark.entry(idx bigint primary key check (idx >= 0), body bytea not null)",
    "create table weightmark.tile(level integer not null, n bigint not null, hashes bytea not null, primary key(level, n))",
    "create table weightmark.head(id integer primary key check (id = 0), size bigint not null, root bytea not null, checkpoint bytea not null)",
    "create table weightmark.blob(digest bytea primary key, data bytea not null)",
    "alter table weightmark.blob alter data set storage external",
    "create table weightmark.private_value(name text primary key, salt bytea not null, value text not null)",
    "create table weightmark.cosigned(size bigint primary key check (size >= 0), newest bytea not null, first bytea not null)",
    "create function weightmark.refuse() returns trigger language plpgsql as $$ begin raise exception 'the ledger is append-only' using errcode = 'integrity_constraint_violation'; end $$",
    "create function weightmark.tile_grows() returns trigger language plpgsql as $$ begin if new.level <> old.level or new.n <> old.n or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes then raise exception 'tiles only grow' using errcode = 'integrity_constraint_violation'; end if; return new; end $$",
    "create function weightmark.head_grows() returns trigger language plpgsql as $$ begin if new.size <= old.size then raise exception 'the head only grows' using errcode = 'integrity_constraint_violation'; end if; return new; end $$",
    "create trigger entry_is_final before update or delete or truncate on weightmark.entry for each statement execute function weightmark.refuse()",
    "create trigger tile_stays before delete or truncate on weightmark.tile for each statement execute function weightmark.refuse()",
    "create trigger tile_grows before update on weightmark.tile for each row execute function weightmark.tile_grows()",
    "create trigger head_stays before delete or truncate on weightmark.head for each statement execute function weightmark.refuse()",
    "create trigger head_grows before update on weightmark.head for each row execute function weightmark.head_grows()",
)
_DERIVED = (
    "create table weightmark.unique_key(key bytea primary key, idx bigint not null)",
    "create table weightmark.search(idx bigint primary key, kind text not null, subject text not null, signer text not null, submitter text not null, at text not null)",
    "create index search_subject on weightmark.search(subject)",
    "create index search_signer on weightmark.search(signer)",
    "create index search_kind on weightmark.search(kind)",
)
CREATE = _TRUTH + _DERIVED
"""statements that make an empty ledger"""
DERIVED_TABLES = ("drop table weightmark.unique_key", "drop table weightmark.search", *_DERIVED)
"""statements that make the derived tables anew, empty"""
