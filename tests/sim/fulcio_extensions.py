"""The names and extensions that Fulcio writes into a certificate, by the claims of a token.

Source: sigstore/fulcio `docs/oid-info.md`.
"""

from collections.abc import Mapping

from cryptography import x509

__all__ = ["extensions_of"]

_ARC = "1.3.6.1.4.1.57264.1"
_GITHUB_OLD = {2: "event_name", 3: "sha", 4: "workflow", 5: "repository", 6: "ref"}


def extensions_of(
    claims: Mapping[str, object],
) -> tuple[x509.GeneralName, list[x509.UnrecognizedExtension]]:
    """Return the subject alternative name and the extensions."""
    said = {name: str(value) for name, value in claims.items()}
    issuer = said["iss"]
    extensions = [_raw(1, issuer), _text(8, issuer)]
    if "job_workflow_ref" in said:
        extensions += [_raw(arc, said[claim]) for arc, claim in _GITHUB_OLD.items()]
        extensions += [_text(arc, value) for arc, value in _github(said).items()]
        return _uri(f"https://github.com/{said['job_workflow_ref']}"), extensions
    if "project_path" in said:
        extensions += [_text(arc, value) for arc, value in _gitlab(said).items()]
        return _uri(f"https://{said['ci_config_ref_uri']}"), extensions
    if "email" in said:
        return x509.RFC822Name(said["email"]), extensions
    return _uri(said["sub"]), extensions


def _github(said: Mapping[str, str]) -> dict[int, str]:
    site = "https://github.com"
    run = f"actions/runs/{said['run_id']}/attempts/{said['run_attempt']}"
    return {
        9: f"{site}/{said['job_workflow_ref']}",
        10: said["job_workflow_sha"],
        11: said["runner_environment"],
        12: f"{site}/{said['repository']}",
        13: said["sha"],
        14: said["ref"],
        15: said["repository_id"],
        16: f"{site}/{said['repository_owner']}",
        17: said["repository_owner_id"],
        18: f"{site}/{said['workflow_ref']}",
        19: said["workflow_sha"],
        20: said["event_name"],
        21: f"{site}/{said['repository']}/{run}",
        22: said["repository_visibility"],
    }


def _gitlab(said: Mapping[str, str]) -> dict[int, str]:
    site = "https://gitlab.com"
    config = f"https://{said['ci_config_ref_uri']}"
    return {
        9: config,
        10: said["ci_config_sha"],
        11: said["runner_environment"],
        12: f"{site}/{said['project_path']}",
        13: said["sha"],
        14: said["ref_path"],
        15: said["project_id"],
        16: f"{site}/{said['namespace_path']}",
        17: said["namespace_id"],
        18: config,
        19: said["ci_config_sha"],
        20: said["pipeline_source"],
        21: f"{site}/{said['project_path']}/-/jobs/{said['job_id']}",
        22: said["project_visibility"],
    }


def _uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def _raw(arc: int, text: str) -> x509.UnrecognizedExtension:
    """Return one of the first extensions, whose value is the bare text."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_ARC}.{arc}"), text.encode())


def _text(arc: int, text: str) -> x509.UnrecognizedExtension:
    """Return one of the later extensions, whose value is a DER UTF8String."""
    content = text.encode()
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x81" + bytes([size])
    return x509.UnrecognizedExtension(
        x509.ObjectIdentifier(f"{_ARC}.{arc}"), b"\x0c" + length + content
    )
