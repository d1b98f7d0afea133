"""The settings of the whole system: read once from the environment, checked, then frozen."""

import errno
import os
import re
import resource
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from progress_lib.nats.streams import Owner, StreamRules
from progress_lib.subjects import EVERY_TENANT
from settings.checks import database_url, file, sqlite_url, tenant
from settings.defaults import (
    ClientLimits,
    DatabaseLimits,
    Deadlines,
    KeptOutputs,
    NatsSettings,
    ProgramRules,
    RequestLimits,
    Retention,
    RunnerSettings,
    ServerSettings,
    SessionSettings,
    TokenSettings,
    UploadSettings,
    WebhookSettings,
)
from settings.keys import TrustedKey, check_secret, secret_keys
from settings.own_files import TRUST_VARIABLES, code, ways_to
from settings.reading import Reader, SettingsError, checked, found_by, group, read_group
from settings.roots import DATA_DIR, data_dir, may_hold, may_meet
from settings.secret_files import make_secret

NATS_USER = "progress"  # our own processes' user on the embedded nats-server
SIGNED_WITH = "jwt_secret"  # the file in DATA_DIR
_HASHED = re.compile(r"\$2[abxy]\$")


def keep_private() -> None:
    """From now on, only their user can read files of this process and of those that it starts.

    They write no core files, which would hold keys and passwords.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _database_url(reader: Reader) -> str:
    """DATABASE_URL. The default is an SQLite file in DATA_DIR."""
    return reader.checked("DATABASE_URL", database_url) or sqlite_url(
        data_dir(reader) / "progress.db"
    )


def _trust_files(reader: Reader) -> tuple[Path, ...]:
    found = (reader.checked(name, file) for name in TRUST_VARIABLES)
    return tuple(path for path in found if path is not None)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, in groups. README's table says what each one means."""

    data_dir: Path = found_by(data_dir, "DATA_DIR", f"`{DATA_DIR}`")
    database_url: str = found_by(_database_url, "DATABASE_URL", "SQLite in `DATA_DIR`")
    tenant_id: str = checked("TENANT_ID", tenant, "default")  # *: every tenant
    # files with certificates and passwords that libraries read
    trust_files: tuple[Path, ...] = found_by(_trust_files, default=())
    database: DatabaseLimits = group(DatabaseLimits)
    server: ServerSettings = group(ServerSettings)
    nats: NatsSettings = group(NatsSettings)
    tokens: TokenSettings = group(TokenSettings)
    sessions: SessionSettings = group(SessionSettings)
    clients: ClientLimits = group(ClientLimits)
    requests: RequestLimits = group(RequestLimits)
    uploads: UploadSettings = group(UploadSettings)
    runner: RunnerSettings = group(RunnerSettings)
    deadlines: Deadlines = group(Deadlines)
    retention: Retention = group(Retention)
    kept_outputs: KeptOutputs = group(KeptOutputs)
    webhooks: WebhookSettings = group(WebhookSettings)
    program: ProgramRules = group(ProgramRules)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] = os.environ, *, reads_keys: bool = True
    ) -> "Settings":
        """The settings of an environment. Raises SettingsError for the first one that cannot work.

        `reads_keys` is False in processes that check no tokens: they do not read JWT_PUBLIC_KEY.
        """
        settings = read_group(cls, Reader(environ, reads_keys=reads_keys))
        settings._check_ports()
        settings._check_tags()
        settings._check_data_roots()
        settings._check_trusted_users()
        return settings

    def _check_trusted_users(self) -> None:
        """Raises SettingsError where anybody could say who he is, or a user would have no tenant."""
        if self.sessions.user_header is None:
            return
        if any(network.prefixlen == 0 for network in self.clients.proxies):
            raise SettingsError(
                "TRUSTED_USER_HEADER with a FORWARDED_ALLOW_IPS that holds every address: anybody could "
                "say who he is; name the addresses of the proxy alone"
            )
        found = self.sessions.user_tenant or self.tenant_id
        if found == EVERY_TENANT:
            raise SettingsError(
                f"TENANT_ID is {EVERY_TENANT}: set TRUSTED_USER_TENANT to the tenant of the users that "
                "TRUSTED_USER_HEADER names"
            )
        if self.tenant_id not in (EVERY_TENANT, found):
            raise SettingsError(
                f"TRUSTED_USER_TENANT is {found!r:.80}, and this server serves {self.tenant_id!r:.80}"
            )

    def _check_ports(self) -> None:
        ports = {"API_PORT": self.server.api_port, "WS_PORT": self.server.ws_port}
        if self.nats.url is None:
            ports |= {"NATS_PORT": self.nats.port, "NATS_MONITOR_PORT": self.nats.monitor_port}
        for name, port in ports.items():
            same = [other for other, number in ports.items() if number == port and other != name]
            if same:
                raise SettingsError(f"{name} and {same[0]} are both {port}; give each its own port")

    def _check_tags(self) -> None:
        if not self.runner.takes_untagged and not self.runner.tags:
            raise SettingsError(
                "RUNNER_UNTAGGED is off and RUNNER_TAGS names no tag, so the runner would take no run; "
                "set RUNNER_TAGS, or leave RUNNER_UNTAGGED on"
            )

    def _check_data_roots(self) -> None:
        """Raises SettingsError when graphs could write code, or the file of the public keys."""
        for root in self.program.data_roots:
            if os.pathsep in os.path.realpath(root):  # programs would read two paths
                raise SettingsError(
                    f"DATA_ROOTS holds {root!r:.200}, a link to a directory with a {os.pathsep!r} in its "
                    "path; rename that one"
                )
            if found := next((place for place in code() if may_meet(root, str(place))), None):
                raise SettingsError(
                    f"DATA_ROOTS holds {root!r:.200}, and with it code that runs ({found}), which "
                    "graphs must not write; name a directory that holds data alone"
                )
        # An embedded runner has the same settings, and so knows that the file is the server's.
        if self.tokens.public_key_file is not None and self.runner.mode == "off":
            self.check_no_data("JWT_PUBLIC_KEY", self.tokens.public_key_file)

    def check_no_data(self, name: str, path: Path) -> None:
        """Raises SettingsError when a server's file that runners do not know of lies in a data root."""
        for way in ways_to(path):
            for root in self.program.data_roots:
                if may_hold(root, way):
                    raise SettingsError(
                        f"{name} {str(way)!r:.200} lies in the data root {root!r:.200}, where graphs "
                        "may write, and runners on their own do not know it: move it elsewhere, "
                        "or let DATA_ROOTS name another directory"
                    )

    def make_data_dir(self) -> None:
        """Makes DATA_DIR when it is missing. Raises SettingsError when it cannot be used."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _ask_access(self.data_dir)
        except OSError as error:
            raise SettingsError(f"DATA_DIR {str(self.data_dir)!r}: {error.strerror}") from None

    def signing_key(self) -> str:
        """The HS256 secret: JWT_SECRET, or one that is made once and kept in DATA_DIR (mode 0600).

        Raises SettingsError when that file cannot be read or made.
        """
        return self.tokens.secret or _kept_secret(self.data_dir / SIGNED_WITH)

    @property
    def makes_secret(self) -> bool:
        """Whether `signing_key` would make the secret: no server has worked with this DATA_DIR."""
        return self.tokens.secret is None and not (self.data_dir / SIGNED_WITH).exists()

    def session_secrets(self) -> tuple[str, ...]:
        """What sessions are signed with, the current secret first. Raises SettingsError as `signing_key` does."""
        return tuple(filter(None, (self.signing_key(), self.tokens.secret_previous)))

    def is_own_nats(self, url: str | None) -> bool:
        """Whether a URL is the embedded server's, which embedded runners get. Raises SettingsError."""
        is_made = (self.data_dir / "nats_password").exists()
        return is_made and url == self.own_nats_url()

    def stream_rules(self, owner: Owner) -> StreamRules:
        """What our streams must be. `owner`: the installation, by its database."""
        return StreamRules(owner, self.nats.replicas, self.is_own_nats(self.nats.url))

    def own_nats_url(self) -> str:
        """The embedded nats-server's URL, with the password that is made once and kept in DATA_DIR.

        Raises SettingsError when the password cannot be read or made.
        """
        password = _kept_secret(self.data_dir / "nats_password", "DATA_DIR")
        if _HASHED.match(password):  # nats-server would take it for the hash of a password
            raise SettingsError(f"{self.data_dir / 'nats_password'}: begins like a bcrypt hash")
        return f"nats://{NATS_USER}:{quote(password, safe='')}@127.0.0.1:{self.nats.port}"

    def warnings(self) -> list[str]:
        """Settings that work but may be mistakes, a sentence each."""
        found: list[str] = []
        if self.tokens.public_key is not None:
            from settings.public_keys import public_keys  # only where there are some

            public_keys(
                self.tokens.public_key, lambda said: found.append(f"JWT_PUBLIC_KEY: {said}")
            )
            if not self.tokens.expected.audiences and self.tokens.expected.issuer is None:
                found.append(
                    "JWT_PUBLIC_KEY without JWT_AUDIENCE and JWT_ISSUER: each token of that signer counts "
                    "here, also one for another service; set JWT_AUDIENCE to this server's name there"
                )
        has_one_server = self.database_url.startswith("sqlite")
        if self.tokens.public_key and not self.tokens.secret and not has_one_server:
            found.append(
                "JWT_SECRET is not set, and DATABASE_URL names a server: each web server on it signs sessions with a "
                "secret of its own and refuses those of the others; set one JWT_SECRET for all of them"
            )
        if self._makes_own_secret() and not has_one_server:
            found.append(
                "JWT_SECRET is not set, and DATABASE_URL names a server: each web server on it makes a secret of its "
                "own and refuses the tokens of the others; set one JWT_SECRET for all of them"
            )
        if self.sessions.user_header is not None and any(
            network.is_loopback for network in self.clients.proxies
        ):
            found.append(
                "TRUSTED_USER_HEADER, and FORWARDED_ALLOW_IPS holds this machine: each of its processes and users "
                "may say who it is; where others use it, let the proxy have an address of its own"
            )
        return found

    def _makes_own_secret(self) -> bool:
        return self.tokens.secret is None and self.tokens.public_key is None

    def trusted_keys(self) -> tuple[TrustedKey, ...]:
        """The keys that tokens are checked with. Raises SettingsError as `signing_key` does."""
        if self.tokens.public_key is not None:
            from settings.public_keys import public_keys  # only where there are some

            return public_keys(self.tokens.public_key)
        return secret_keys(self.signing_key(), self.tokens.secret_previous)


def _ask_access(directory: Path) -> None:
    """Raises OSError unless files can be made in `directory`."""
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _kept_secret(path: Path, settings: str = "JWT_SECRET or DATA_DIR") -> str:
    """The secret in the file, which is made first when it is missing. Many processes may call this at once."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_secret(path, secrets.token_urlsafe(48) + "\n")
        return check_secret(path.read_text().strip())
    except OSError as error:
        raise SettingsError(f"{path}: {error}; set {settings}") from None
    except ValueError as error:
        raise SettingsError(
            f"{path}: {error}; without the file, a start makes another one; or set {settings}"
        ) from None
