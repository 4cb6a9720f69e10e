"""What the survey of classes knows about functions outside of the package that it looks at."""

import re

__all__ = ["ACTING", "INERT", "METHODS_ACTING", "METHODS_INERT", "UNSURE", "outside"]

INERT, UNSURE, ACTING = 0, 1, 2
"""what a call reaches: nothing but memory; unknown; files, code, processes, the network"""

_ACTING = re.compile(
    r"(?:builtins\.(?:open|exec|eval|compile|__import__|input|breakpoint|execfile)"
    r"|os\.(?!path\b|environ\b|fspath$|getpid$|getcwd$|cpu_count$|sep$|PathLike$|urandom$|register_at_fork$|get_terminal_size$|fsencode$|fsdecode$|strerror$|getenv$|name$|stat_result$|getuid$|uname$|get_ident$|sched_getaffinity$|listdir$|stat$|lstat$|access$|scandir$|walk$).*"
    r"|(?:subprocess|shutil|socket|ctypes|cffi|runpy|marshal|shelve|sqlite3|tempfile|mmap|pty|signal|webbrowser)\.(?!get_terminal_size|gettempdir|SIG|Structure|Union|POINTER|c_|sizeof|Array).*"
    r"|shutil\.(?:rmtree|copy\w*|move|make_archive|unpack_archive|chown)"
    r"|(?:smtplib|ftplib|poplib|imaplib|nntplib|telnetlib|xmlrpc|requests|httpx|urllib3|aiohttp|paramiko)\.(?!exceptions|Session$|structures).*"
    r"|urllib\.request\.(?!Request$).*|http\.(?:client|server)\..*"
    r"|importlib\.(?:import_module|reload|__import__)|importlib\.(?:util|machinery)\.(?!find_spec$).*|imp\..*|pkgutil\.(?:resolve_name|get_loader)"
    r"|(?:pickle|cPickle|_pickle|dill|cloudpickle|jsonpickle|joblib|shelve|hickle)\.(?:load|loads|Unpickler|open|Memory|decode|dump)"
    r"|six\.moves\.cPickle\.(?:load|loads)"
    r"|(?:zipfile|tarfile)\.(?:ZipFile|PyZipFile|TarFile|open)|(?:gzip|bz2|lzma|io|codecs|tokenize|fileinput|wave|dbm|tarfile)\.(?:open|input|GzipFile|BZ2File|LZMAFile|FileIO|open_code)"
    r"|multiprocessing\.(?:Process|Pool|Manager|shared_memory.*|managers.*|connection.*)"
    r"|logging\.(?:FileHandler|basicConfig)|logging\.(?:handlers|config)\..*"
    r"|(?:numpy|np)\.(?:load|loadtxt|genfromtxt|fromfile|fromregex|save|savez|savez_compressed|savetxt|memmap|DataSource|ctypeslib.*|f2py.*|lib\.format\..*)"
    r"|torch\.(?:load|save|hub\..*|jit\.(?:load|save)|utils\.cpp_extension\..*|ops\.load_library|classes\.load_library)"
    r"|pandas\.(?:read_\w+|HDFStore|ExcelFile|ExcelWriter|eval)|h5py\.File|tables\.open_file|netCDF4\.Dataset|zarr\.open\w*"
    r"|yaml\.(?:load|load_all|unsafe_load|full_load)|numexpr\.evaluate|asteval\.Interpreter|ast\.(?:parse|compile)"
    r"|sympy\.(?:sympify|parse_expr|lambdify|S)|sympy\.core\.sympify\.(?:sympify|_sympify)|sympy\.parsing\..*"
    r"|PIL\.Image\.open|cv2\.(?:imread|imwrite|VideoCapture|VideoWriter|FileStorage)|soundfile\.(?:read|SoundFile)|imageio\..*"
    r"|fsspec\..*|boto3\..*|huggingface_hub\..*|transformers\.\w+\.from_pretrained|datasets\.load_\w+"
    r"|code\.(?:interact|InteractiveInterpreter|InteractiveConsole)|types\.(?:FunctionType|CodeType)"
    r"|faiss\.read_\w+|onnxruntime\.InferenceSession|onnx\.load\w*|lightgbm\.Booster|xgboost\.Booster|sqlalchemy\.create_engine"
    r"|atexit\.register|pathlib\.Path\.(?:open|unlink|mkdir|write_text|write_bytes|read_text|read_bytes|touch|rmdir|rename|replace)"
    r"|fcntl\..*|winreg\..*|readline\..*|sys\.(?:exit|settrace|setprofile|addaudithook)|builtins\.(?:exit|quit))"
)

_INERT = re.compile(
    r"(?:builtins\.(?:abs|all|any|bool|bytearray|bytes|callable|chr|classmethod|complex|dict|divmod|enumerate|filter|float|format|frozenset|hasattr|hash|hex|id|int|isinstance|issubclass|iter|len|list|locals|map|max|memoryview|min|next|object|oct|ord|pow|print|property|range|repr|reversed|round|set|slice|sorted|staticmethod|str|sum|super|tuple|type|vars|zip|\w*(?:Error|Exception|Warning|Iteration|Exit|Interrupt))"
    r"|builtins\.(?:bytes|dict|float|frozenset|int|list|object|set|str|tuple|type)\.(?!__subclasses__|__reduce)\w+"
    r"|(?:math|cmath|itertools|numbers|decimal|fractions|datetime|time|string|textwrap|statistics|bisect|heapq|struct|zlib|binascii|base64|hashlib|array|enum|abc|typing|typing_extensions|weakref|keyword|calendar|colorsys|contextvars)\..*"
    r"|collections\.(?:\w+|abc\.\w+)|copy\.(?:copy|deepcopy)|random\.(?:Random|random|seed|randint|choice|uniform|shuffle|sample|getstate|setstate|gauss)"
    r"|operator\.(?!attrgetter|methodcaller|call).*|functools\.(?:reduce|wraps|lru_cache|cached_property|total_ordering|update_wrapper|cache|cmp_to_key)"
    r"|re\.\w+|json\.(?:loads|dumps|JSONEncoder|JSONDecoder)|warnings\.\w+|logging\.(?:getLogger|debug|info|warning|error|log|warn|exception|critical|NullHandler)"
    r"|dataclasses\.(?:field|fields|replace|asdict|astuple|is_dataclass)|contextlib\.(?:suppress|nullcontext)|inspect\.(?:isclass|isfunction|ismethod|signature|Parameter|getfullargspec|isabstract)"
    r"|threading\.(?:Lock|RLock|Event|Condition|local|get_ident|current_thread|Semaphore)|uuid\.(?:uuid4|UUID)|types\.(?:SimpleNamespace|MappingProxyType|MethodType)"
    r"|os\.(?:fspath|getpid|cpu_count|path\.(?:join|basename|dirname|splitext|split|normpath))|sys\.(?:getsizeof|intern|getrecursionlimit)|pathlib\.(?:Pure\w*Path|Path|PosixPath)"
    r"|(?:numpy|np)\.(?!(?:load|loadtxt|genfromtxt|fromfile|fromregex|save|savez|savez_compressed|savetxt|memmap|DataSource|ctypeslib|f2py|lib|testing|distutils|vectorize|frompyfunc|apply_along_axis|apply_over_axes|piecewise|fromfunction|show_config|info|source)\b).*"
    r"|torch\.(?:tensor|as_tensor|zeros|ones|empty|full|arange|linspace|eye|Size|device|dtype|get_default_dtype|Tensor|FloatTensor|LongTensor|zeros_like|ones_like|sqrt|exp|log|is_tensor|cat|stack|nn\.Parameter|nn\.parameter\.Parameter|broadcast_tensors|is_floating_point|randn|rand)"
    r"|pandas\.(?:DataFrame|Series|Index|RangeIndex|MultiIndex|Timestamp|Timedelta|to_datetime|to_timedelta|to_numeric|concat|isna|isnull|notna|Categorical|date_range|infer_freq)"
    r"|scipy\.sparse\.\w+|scipy\.special\.\w+|scipy\.linalg\.\w+|scipy\.stats\.\w+"
    r"|sklearn\.(?:utils\.validation\.\w+|utils\.(?:check_random_state|check_array|deprecated|Bunch)|base\.(?:clone|is_classifier|is_regressor))"
    r"|attr\.\w+|attrs\.\w+|six\.(?:iteritems|itervalues|iterkeys|with_metaclass|string_types)|packaging\.version\.\w+)"
)

METHODS_ACTING = frozenset(
    [
        "unlink",
        "rmtree",
        "rmdir",
        "mkdir",
        "makedirs",
        "write_text",
        "write_bytes",
        "read_text",
        "read_bytes",
        "urlopen",
        "urlretrieve",
        "Popen",
        "check_call",
        "check_output",
        "executescript",
        "exec_module",
        "load_module",
        "import_module",
        "unsafe_load",
        "from_pretrained",
        "read_csv",
        "read_pickle",
        "to_pickle",
        "to_csv",
        "to_parquet",
        "write_pickle",
    ]
)
"""methods that reach out whatever object has them"""

METHODS_INERT = frozenset(
    [
        "all",
        "any",
        "append",
        "add",
        "argmax",
        "argmin",
        "argsort",
        "astype",
        "capitalize",
        "casefold",
        "center",
        "clear",
        "conj",
        "copy",
        "count",
        "cumsum",
        "decode",
        "difference",
        "discard",
        "dot",
        "encode",
        "endswith",
        "expandtabs",
        "extend",
        "fill",
        "flatten",
        "format",
        "from_bytes",
        "fromkeys",
        "index",
        "insert",
        "intersection",
        "isalnum",
        "isalpha",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isspace",
        "issubset",
        "issuperset",
        "istitle",
        "isupper",
        "item",
        "items",
        "join",
        "keys",
        "ljust",
        "lower",
        "lstrip",
        "max",
        "mean",
        "min",
        "nonzero",
        "partition",
        "pop",
        "popitem",
        "ravel",
        "remove",
        "removeprefix",
        "removesuffix",
        "replace",
        "reshape",
        "reverse",
        "rfind",
        "find",
        "rjust",
        "round",
        "rpartition",
        "rsplit",
        "rstrip",
        "setdefault",
        "shape",
        "size",
        "sort",
        "split",
        "splitlines",
        "squeeze",
        "startswith",
        "std",
        "strip",
        "sum",
        "swapcase",
        "symmetric_difference",
        "take",
        "title",
        "to_bytes",
        "tolist",
        "tobytes",
        "transpose",
        "translate",
        "union",
        "update",
        "upper",
        "values",
        "var",
        "view",
        "zfill",
        "get",
        "debug",
        "info",
        "warning",
        "error",
        "log",
        "group",
        "groups",
        "groupdict",
        "match",
        "fullmatch",
        "search",
        "sub",
        "finditer",
        "findall",
        "total_seconds",
        "isoformat",
        "date",
        "timestamp",
        "detach",
        "numpy",
        "cpu",
        "clone",
        "expand",
        "unsqueeze",
        "dim",
        "numel",
        "bit_length",
        "as_integer_ratio",
        "is_integer",
        "hexdigest",
        "digest",
        "acquire",
        "release",
        "locked",
        "__init__",
        "__setstate__",
        "__new__",
        "__setattr__",
        "__getattribute__",
        "__setitem__",
        "__hash__",
        "__eq__",
        "__dict__",
    ]
) - frozenset(
    [
        "__init__",
        "__setstate__",
        "__new__",
        "__setattr__",
        "__getattribute__",
        "__setitem__",
        "acquire",
    ]
)
"""methods of texts, numbers, containers, arrays and loggers"""


def outside(dotted: str) -> int:
    """Tell what a function reaches that is not of the surveyed packages, by its full name."""
    if _ACTING.fullmatch(dotted):
        return ACTING
    return INERT if _INERT.fullmatch(dotted) else UNSURE
