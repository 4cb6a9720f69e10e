"""Keys in tokens: smart cards, security keys and HSMs, reached by PKCS#11 through the vendor's library."""

from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.keys.kinds import hash_for
from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri
from weightmark.attestations.keys.public import PublicKey
from weightmark.errors import (
    CallError,
    ExtraMissingError,
    KeyLockedError,
    TrustMissingError,
    UncheckedError,
    UnsupportedError,
)
from weightmark.provenance.sidecars import read_named
from weightmark.values import dataclass

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["AskPin", "Pkcs11Key"]

AskPin = Callable[[str], bytes | None]
"""asked with the token's name when the URI says no PIN; returns it, or None when there is none"""

_MODULE_FOLDERS = (
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib/softhsm",
    "/usr/local/lib/pkcs11",
)
_MAX_PIN = 4096
_CURVES = {
    bytes.fromhex("06082a8648ce3d030107"): "secp256r1",
    bytes.fromhex("06052b81040022"): "secp384r1",
    bytes.fromhex("06052b81040023"): "secp521r1",
}
"""DER of the curve's object identifier, as CKA_EC_PARAMS holds it"""
_ED25519_SIZE = 32
_SEVERAL = 2


@dataclass(frozen=True, eq=False)
class Pkcs11Key:
    """A private key that never leaves its token."""

    public: PublicKey
    """the public half"""
    name: str
    """the key and its token, for messages"""
    handle: Any = field(repr=False)
    """the object in an open session"""

    @classmethod
    def open(cls, uri: Pkcs11Uri, ask_pin: AskPin, *, module: Path | None = None) -> Self:
        """Log in and find the key that `uri` means; `module` is the library when the URI names none.

        Raises `CallError` when the URI means no key or several, `KeyLockedError` for a PIN that is
        missing, wrong or locked, `TrustMissingError`, `UnsupportedError` or `ExtraMissingError`.
        """
        _refuse_other_objects(uri)
        pkcs11 = _import_pkcs11()
        library = _load_library(pkcs11, _find_module(uri, module))
        try:
            token = _find_token(library, uri)
            session = _open_session(pkcs11, token, uri, ask_pin)
            handle = _find_private(pkcs11, session, uri)
            public = _public_of(pkcs11, session, handle, str(uri))
        except pkcs11.PKCS11Error as error:
            raise _explained(pkcs11, error, uri) from error
        return cls(public, str(uri), handle)

    def sign(self, message: bytes) -> bytes:
        """Sign in the token: DER for ECDSA, 64 bytes for Ed25519; raises `UncheckedError`."""
        pkcs11 = _import_pkcs11()
        try:
            signature = self._sign(pkcs11, message)
        except pkcs11.PKCS11Error as error:
            raise UncheckedError(
                f"the token did not sign with {self.name}", why=_reason(error)
            ) from error
        if not self.public.verifies(signature, message):
            raise UncheckedError(
                f"what the token signed with {self.name} does not fit its public key",
                why="private and public key of the token have one id, and are no pair",
            )
        return signature

    def _sign(self, pkcs11: "ModuleType", message: bytes) -> bytes:
        if self.public.kind == "ed25519":
            return bytes(self.handle.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
        from cryptography.hazmat.primitives.hashes import Hash

        digest = Hash(hash_for(self.public.kind))
        digest.update(message)
        raw = bytes(self.handle.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


def _import_pkcs11() -> "ModuleType":
    try:
        import pkcs11
    except ImportError as error:
        raise ExtraMissingError(
            "keys in tokens need `python-pkcs11`, which is not installed",
            fix="run `python -m pip install 'weightmark[pkcs11]'`",
        ) from error
    return pkcs11


def _refuse_other_objects(uri: Pkcs11Uri) -> None:
    if uri.attributes.get("type", "private") != "private":
        raise CallError(
            "the PKCS#11 URI does not mean a private key", fix="say `type=private`, or no type"
        )
    if uri.vendor:
        raise UnsupportedError(
            f"the PKCS#11 URI has an attribute that is not known: `{uri.vendor[0]}`",
            why="which object it means can't be told",
            fix="name the key by `token` and `object` or `id`",
        )
    if "object" not in uri.attributes and uri.object_id is None:
        raise CallError(
            "the PKCS#11 URI names no key", fix="add `object=LABEL` or `id=%01` to the URI"
        )


def _find_module(uri: Pkcs11Uri, module: Path | None) -> Path:
    if uri.module_path:
        return uri.module_path
    if uri.module_name:
        names = [f"{uri.module_name}{ending}" for ending in ("", ".so", ".dylib")]
        names += [f"lib{name}" for name in names]
        places = [Path(folder) / name for folder in _MODULE_FOLDERS for name in names]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise TrustMissingError(
                f"there is no PKCS#11 library `{uri.module_name}`",
                why=f"looked in {', '.join(_MODULE_FOLDERS)}",
                fix="name it with `module-path=/…` in the URI",
            )
        return found
    if module is None:
        raise CallError(
            "the PKCS#11 URI does not name the token's library",
            fix="add `?module-path=/usr/lib/softhsm/libsofthsm2.so` to it, or use `--pkcs11-module FILE`",
        )
    return module.absolute()


def _load_library(pkcs11: "ModuleType", module: Path) -> Any:
    if not module.is_file():
        raise CallError(f"there is no PKCS#11 library at `{module}`", fix="check the path")
    try:
        return pkcs11.lib(str(module))
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise TrustMissingError(
            f"`{module}` can't be used as a PKCS#11 library",
            why=_reason(error),
            fix="name the library that came with the token",
        ) from error


def _find_token(library: Any, uri: Pkcs11Uri) -> Any:
    found = [token for token in _tokens(library) if _fits(library, token, uri.attributes)]
    if not found:
        raise TrustMissingError(
            f"there is no token for `{uri}`",
            why=_listed(token.label for token in _tokens(library)),
            fix="plug it in, or correct `token=`, `serial=` or `slot-id=` in the URI",
        )
    if len(found) >= _SEVERAL:
        raise CallError(
            f"{len(found)} tokens fit `{uri}`",
            why=_listed(f"{token.label} (serial {_plain(token.serial)})" for token in found),
            fix="add `serial=` or `slot-id=` to the URI",
        )
    return found[0]


def _tokens(library: Any) -> Iterator[Any]:
    from pkcs11 import TokenFlag

    for slot in library.get_slots(token_present=True):
        token = slot.get_token()
        if TokenFlag.TOKEN_INITIALIZED in token.flags:
            yield token


def _fits(library: Any, token: Any, wanted: Any) -> bool:
    slot = token.slot
    major, minor = library.library_version[:2]
    version = wanted.get("library-version", "")
    has = {
        "token": token.label,
        "manufacturer": token.manufacturer_id,
        "model": token.model,
        "serial": _plain(token.serial),
        "slot-id": str(slot.slot_id),
        "slot-manufacturer": slot.manufacturer_id,
        "slot-description": slot.slot_description,
        "library-manufacturer": library.manufacturer_id,
        "library-description": library.library_description,
        "library-version": f"{major}.{minor}" if "." in version or minor else str(major),
    }
    return all(_plain(has[name]).rstrip() == value for name, value in wanted.items() if name in has)


def _open_session(pkcs11: "ModuleType", token: Any, uri: Pkcs11Uri, ask_pin: AskPin) -> Any:
    try:
        return token.open(**_login(pkcs11, token, uri, ask_pin))
    except pkcs11.UserAlreadyLoggedIn:
        # A login is valid for all sessions of a process, so a second key needs none.
        return token.open()


def _login(pkcs11: "ModuleType", token: Any, uri: Pkcs11Uri, ask_pin: AskPin) -> dict[str, object]:
    flags = token.flags
    if pkcs11.TokenFlag.USER_PIN_LOCKED in flags:
        raise KeyLockedError(
            f"the PIN of the token `{token.label}` is locked",
            why="it was entered wrongly too often",
            fix="set a new one with the security officer's PIN and the token's own tool",
        )
    if pkcs11.TokenFlag.LOGIN_REQUIRED not in flags:
        return {}
    if pkcs11.TokenFlag.PROTECTED_AUTHENTICATION_PATH in flags:
        return {"user_pin": pkcs11.PROTECTED_AUTH}
    return {"user_pin": _pin(token.label, uri, ask_pin)}


def _pin(label: str, uri: Pkcs11Uri, ask_pin: AskPin) -> str:
    if uri.pin is not None:
        return uri.pin
    raw = (
        read_named(uri.pin_file, "PIN", limit=_MAX_PIN).rstrip(b"\r\n")
        if uri.pin_file
        else ask_pin(f"the token `{label}`")
    )
    if not raw:
        raise KeyLockedError(
            f"the token `{label}` wants a PIN and none was given",
            fix="add `?pin-source=/path/to/file` to the URI, set `WEIGHTMARK_PASSPHRASE`, or run in a terminal to be asked",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise KeyLockedError(f"the PIN for the token `{label}` is not UTF-8") from error


def _find_private(pkcs11: "ModuleType", session: Any, uri: Pkcs11Uri) -> Any:
    wanted: dict[Any, Any] = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
    if "object" in uri.attributes:
        wanted[pkcs11.Attribute.LABEL] = uri.attributes["object"]
    if uri.object_id is not None:
        wanted[pkcs11.Attribute.ID] = uri.object_id
    found = list(session.get_objects(wanted))
    if not found:
        every = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        raise TrustMissingError(
            f"there is no private key `{uri}`",
            why=_listed(key.label for key in every),
            fix="correct `object=` or `id=` in the URI",
        )
    if len(found) >= _SEVERAL:
        raise CallError(
            f"{len(found)} private keys fit `{uri}`",
            why=_listed(f"{key.label} (id {_percent(key.id)})" for key in found),
            fix="add `id=` to the URI",
        )
    return found[0]


def _public_of(pkcs11: "ModuleType", session: Any, private: Any, name: str) -> PublicKey:
    """Take the public key from the object with the private one's id, else from the private one itself."""
    same = {
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY,
        pkcs11.Attribute.ID: private.id,
        pkcs11.Attribute.KEY_TYPE: private.key_type,
    }
    halves = list(session.get_objects(same))
    if len(halves) >= _SEVERAL:
        raise CallError(
            f"{len(halves)} public keys have the id of the private key `{name}`",
            why="which of them belongs to it can't be told",
            fix="give the keys of the token ids of their own",
        )
    for holder in (*halves, private):
        try:
            point = bytes(holder[pkcs11.Attribute.EC_POINT])
            params = bytes(holder[pkcs11.Attribute.EC_PARAMS])
        except pkcs11.PKCS11Error:
            continue
        if point:
            return _read_point(pkcs11, private.key_type, params, point, name)
    raise UnsupportedError(
        f"the token does not tell the public key of `{name}`",
        fix="put the public key (CKO_PUBLIC_KEY) beside the private one, with the same id",
    )


def _read_point(
    pkcs11: "ModuleType", key_type: Any, params: bytes, point: bytes, name: str
) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    curves: dict[str, ec.EllipticCurve] = {
        "secp256r1": ec.SECP256R1(),
        "secp384r1": ec.SECP384R1(),
        "secp521r1": ec.SECP521R1(),
    }
    try:
        if key_type == pkcs11.KeyType.EC_EDWARDS:
            raw = point[-_ED25519_SIZE:] if len(point) == _ED25519_SIZE + 2 else point
            return PublicKey.of(ed25519.Ed25519PublicKey.from_public_bytes(raw), name)
        if key_type == pkcs11.KeyType.EC and params in _CURVES:
            curve = curves[_CURVES[params]]
            return PublicKey.of(
                ec.EllipticCurvePublicKey.from_encoded_point(curve, _unwrap(point)), name
            )
    except ValueError as error:
        raise UnsupportedError(
            f"the public key of `{name}` can't be read", why=str(error)
        ) from error
    raise UnsupportedError(
        f"the key `{name}` has a type that is not supported",
        fix="use one of ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519",
    )


def _unwrap(point: bytes) -> bytes:
    """Take the point out of its DER OCTET STRING, where the token wraps it as PKCS#11 demands."""
    if point[:1] != b"\x04":
        return point
    long_form = point[1:2] == b"\x81"
    size = point[2 if long_form else 1] if len(point) > _SEVERAL else 0
    content = point[3 if long_form else 2 :]
    return content if len(content) == size and content[:1] == b"\x04" else point


def _explained(pkcs11: "ModuleType", error: Exception, uri: Pkcs11Uri) -> Exception:
    if isinstance(error, (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)):
        return KeyLockedError(
            f"the PIN does not open the token for `{uri}`",
            why="a token locks itself after a few wrong ones",
            fix="check the PIN before you try again",
        )
    if isinstance(error, (pkcs11.PinLocked, pkcs11.PinExpired)):
        return KeyLockedError(
            f"the PIN of the token for `{uri}` is locked or expired",
            fix="set a new one with the security officer's PIN and the token's own tool",
        )
    return UncheckedError(f"the token for `{uri}` did not answer as it should", why=_reason(error))


def _reason(error: BaseException) -> str:
    """Name the token's own error code; its classes say more than their texts."""
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _listed(names: Any) -> str:
    shown = sorted({_plain(name) for name in names})
    return f"it holds {', '.join(f'`{name}`' for name in shown[:10])}" if shown else "it holds none"


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _percent(value: bytes) -> str:
    return "".join(f"%{byte:02x}" for byte in value)
