"""The opcodes of pickle protocols 0 to 5, by the names of the Python documentation."""

__all__ = [
    "ADDITEMS",
    "APPEND",
    "APPENDS",
    "BINBYTES",
    "BINBYTES8",
    "BINFLOAT",
    "BINGET",
    "BININT",
    "BININT1",
    "BININT2",
    "BINPERSID",
    "BINPUT",
    "BINSTRING",
    "BINUNICODE",
    "BINUNICODE8",
    "BUILD",
    "BYTEARRAY8",
    "DICT",
    "DUP",
    "EMPTY_DICT",
    "EMPTY_LIST",
    "EMPTY_SET",
    "EMPTY_TUPLE",
    "EXT1",
    "EXT2",
    "EXT4",
    "FLOAT",
    "FRAME",
    "FROZENSET",
    "GET",
    "GLOBAL",
    "HIGHEST_PROTOCOL",
    "INST",
    "INT",
    "LIST",
    "LONG",
    "LONG1",
    "LONG4",
    "LONG_BINGET",
    "LONG_BINPUT",
    "MARK",
    "MEMOIZE",
    "NEWFALSE",
    "NEWOBJ",
    "NEWOBJ_EX",
    "NEWTRUE",
    "NEXT_BUFFER",
    "NONE",
    "OBJ",
    "OPCODES",
    "PERSID",
    "POP",
    "POP_MARK",
    "PROTO",
    "PUT",
    "READONLY_BUFFER",
    "REDUCE",
    "SETITEM",
    "SETITEMS",
    "SHORT_BINBYTES",
    "SHORT_BINSTRING",
    "SHORT_BINUNICODE",
    "STACK_GLOBAL",
    "STOP",
    "STRING",
    "TUPLE",
    "TUPLE1",
    "TUPLE2",
    "TUPLE3",
    "UNICODE",
]

HIGHEST_PROTOCOL = 5

MARK = ord("(")
STOP = ord(".")
POP = ord("0")
POP_MARK = ord("1")
DUP = ord("2")
FLOAT = ord("F")
INT = ord("I")
BININT = ord("J")
BININT1 = ord("K")
LONG = ord("L")
BININT2 = ord("M")
NONE = ord("N")
PERSID = ord("P")
BINPERSID = ord("Q")
REDUCE = ord("R")
STRING = ord("S")
BINSTRING = ord("T")
SHORT_BINSTRING = ord("U")
UNICODE = ord("V")
BINUNICODE = ord("X")
APPEND = ord("a")
BUILD = ord("b")
GLOBAL = ord("c")
DICT = ord("d")
EMPTY_DICT = ord("}")
APPENDS = ord("e")
GET = ord("g")
BINGET = ord("h")
INST = ord("i")
LONG_BINGET = ord("j")
LIST = ord("l")
EMPTY_LIST = ord("]")
OBJ = ord("o")
PUT = ord("p")
BINPUT = ord("q")
LONG_BINPUT = ord("r")
SETITEM = ord("s")
TUPLE = ord("t")
EMPTY_TUPLE = ord(")")
SETITEMS = ord("u")
BINFLOAT = ord("G")
PROTO = 0x80
NEWOBJ = 0x81
EXT1 = 0x82
EXT2 = 0x83
EXT4 = 0x84
TUPLE1 = 0x85
TUPLE2 = 0x86
TUPLE3 = 0x87
NEWTRUE = 0x88
NEWFALSE = 0x89
LONG1 = 0x8A
LONG4 = 0x8B
BINBYTES = ord("B")
SHORT_BINBYTES = ord("C")
SHORT_BINUNICODE = 0x8C
BINUNICODE8 = 0x8D
BINBYTES8 = 0x8E
EMPTY_SET = 0x8F
ADDITEMS = 0x90
FROZENSET = 0x91
NEWOBJ_EX = 0x92
STACK_GLOBAL = 0x93
MEMOIZE = 0x94
FRAME = 0x95
BYTEARRAY8 = 0x96
NEXT_BUFFER = 0x97
READONLY_BUFFER = 0x98

OPCODES = frozenset(b"(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)uGBC") | frozenset(range(0x80, 0x99))
"""every byte that is an opcode"""
