"""The tables of the index. All of them can be made anew from the log."""

__all__ = ["MAX_WORDS", "SCHEMA", "VERSION"]

VERSION = 2
"""an index of another version is another file, and an older one is removed"""
MAX_WORDS = 16 * 1024
"""characters of a claim that a search looks at; digests are not among them"""
SCHEMA = """
create table meta(id integer primary key check (id = 0), size integer not null, peaks text not null, cut integer not null) strict;
create table name(id integer primary key, key blob not null unique, text text not null) strict;
create table entry(idx integer primary key, kind text not null, subject integer not null, signer integer not null, at integer not null, verdict text not null, type text not null, title text not null, line text not null, leaf integer not null, blob blob not null, unread integer not null) strict;
create index entry_kind on entry(kind);
create index entry_subject on entry(subject);
create index entry_signer on entry(signer);
create index entry_verdict on entry(verdict);
create index entry_leaf on entry(leaf);
create index entry_blob on entry(blob);
create index entry_unread on entry(idx) where unread = 1;
create index entry_gone on entry(kind, subject) where unread > 0;
create table about(subject integer not null, type text not null, kind text not null, signer integer not null, idx integer not null, primary key(subject, type, kind, signer, idx)) strict, without rowid;
create index about_idx on about(idx);
create table edge(parent integer not null, child integer not null, idx integer not null, claim blob not null, primary key(parent, child, idx)) strict, without rowid;
create index edge_child on edge(child, parent, idx, claim);
create index edge_idx on edge(idx);
create table held(file blob not null, artifact integer not null, idx integer not null, claim blob not null, alone integer not null, primary key(file, artifact, idx)) strict, without rowid;
create index held_artifact on held(artifact, file);
create index held_alone on held(artifact) where alone = 1;
create table tally(name integer not null, role text not null, kind text not null, n integer not null, primary key(name, role, kind)) strict, without rowid;
create table day(day integer not null, series text not null, n integer not null, first integer not null, last integer not null, primary key(day, series)) strict, without rowid;
create table text(idx integer primary key, words text not null) strict;
create virtual table search using fts5(words, content='text', content_rowid='idx', tokenize='trigram');
"""
"""`day.series` is a kind, or `denied` and `allowed` for decisions; `tally.role` is `signer` or `subject`; `entry.unread`
is 1 for a claim that could not be read and 2 for one that was erased; `held.alone` marks the only file of an artifact"""
