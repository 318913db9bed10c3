"""Secrets that no commit may hold, and what only looks like one.

Each is made when it is asked for, of pieces, so that none stands in this file.
"""

import base64
import json
import random
import re
import string
from collections.abc import Callable, Mapping

from hooked import database_url, github_token

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
Samples = Mapping[str, tuple[str, Callable[[], str]]]
_drawn = random.Random(5)


def drawn(count: int, letters: str = LETTERS) -> str:
    """Draw a text that no program made up for documentation."""
    return "".join(_drawn.choices(letters, k=count))


def password(count: int) -> str:
    """Draw a password as managers of passwords make them, with digits."""
    return next(it for it in iter(lambda: drawn(count), "") if re.search(r"\d.*\d", it))


def encoded(data: bytes) -> str:
    """Return bytes as parts of a token have them."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt() -> str:
    """A token of a service that signs by HMAC."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "1", "iat": 1700000000}]
    words = [encoded(json.dumps(it).encode()) for it in parts]
    return ".".join([*words, encoded(_drawn.randbytes(32))])


def private_key(kind: str) -> str:
    """A key in the form of PEM."""
    body = base64.b64encode(_drawn.randbytes(600)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    line = f"-----{{}} {kind}PRIVATE" + " KEY-----"
    return f"{line.format('BEGIN')}\n{lines}\n{line.format('END')}\n"


def service_account() -> str:
    """The file that Google Cloud gives for an account of a program."""
    return json.dumps(
        {
            "type": "service" + "_account",
            "project_id": "acme-sales",
            "private_key_id": drawn(40, HEX),
            "private_key": private_key(""),
            "client_email": "etl@acme-sales.iam.gserviceaccount.com",
        },
        indent=2,
    )


def sas() -> str:
    """An address of Azure's storage with a signature."""
    signature = base64.b64encode(_drawn.randbytes(32)).decode().replace("+", "%2B")
    signature = signature.replace("/", "%2F").replace("=", "%3D")
    return (
        "https://acme.blob.core.windows.net/sales/2026.csv?sv=2022-11-02&ss=b&srt=o"
        f"&sp=rl&se=2027-01-01T00:00:00Z&st=2026-01-01T00:00:00Z&spr=https&sig={signature}"
    )


def azure_key() -> str:
    """A key of an account of Azure's storage."""
    return base64.b64encode(_drawn.randbytes(64)).decode()


# By what it is: the file that it stands in, and how it is made.
CANARIES: Samples = {
    "netrc": (
        "config/netrc.txt",
        lambda: f"machine git.acme.dev login etl password {password(18)}\n",
    ),
    "netrc, by lines": (
        "docs/login.md",
        lambda: f"machine git.acme.dev\n  login etl\n  password {password(18)}\n",
    ),
    "netrc, for all": (
        "config/_netrc",
        lambda: f"default login etl password {password(12)}\n",
    ),
    "env": (".env", lambda: f"DATA_URL={database_url()}\n"),
    "env of a place": ("deploy/.env.production", lambda: "LEVEL=info\n"),
    "pgpass": (".pgpass", lambda: f"db.acme.dev:5432:sales:etl:{password(16)}\n"),
    "pgpass by another name": (
        "config/login.txt",
        lambda: f"db.acme.dev:5432:sales:etl:{password(16)}\n",
    ),
    "JWT": ("notebooks/a.py", lambda: f'# %%\nTOKEN = "{jwt()}"\n'),
    "AWS key": (
        "config/aws.ini",
        lambda: (
            f"aws_access_key_id = AKIA{drawn(16, string.ascii_uppercase + '234567')}\n"
            f"aws_secret_access_key = {drawn(40, LETTERS + '/+')}\n"
        ),
    ),
    "AWS secret alone": (
        "config/aws.yaml",
        lambda: f"aws_secret_access_key: {drawn(40, LETTERS + '/+')}\n",
    ),
    "Google's service account": ("config/account.json", service_account),
    "Google's API key": ("docs/maps.md", lambda: f"key: AIza{drawn(35)}\n"),
    "Azure's key": (
        "config/azure.yaml",
        lambda: f"account_name: acme\naccount_key: {azure_key()}\n",
    ),
    "Azure's connection": (
        "config/azure.txt",
        lambda: (
            "DefaultEndpointsProtocol=https;AccountName=acme;"
            f"AccountKey={azure_key()};EndpointSuffix=core.windows.net\n"
        ),
    ),
    "Azure's SAS": ("data/sources.toml.bak", lambda: f'url = "{sas()}"\n'),
    "GitHub, classic": ("docs/a.md", lambda: f"Use {github_token()} for now.\n"),
    "GitHub, fine-grained": (
        "docs/b.md",
        lambda: f"Use github_pat_{drawn(22)}_{drawn(59)} for now.\n",
    ),
    "GitLab": ("config/gitlab.txt", lambda: f"glpat-{drawn(20)}\n"),
    "Slack's bot": (
        "src/slack.txt",
        lambda: (
            f"xoxb-{drawn(12, string.digits)}-{drawn(13, string.digits)}-{drawn(24)}\n"
        ),
    ),
    "Slack's hook": (
        "config/hook.txt",
        lambda: (
            "https://hooks.slack.com/services/"
            f"T{drawn(8, string.ascii_uppercase + string.digits)}/"
            f"B{drawn(8, string.ascii_uppercase + string.digits)}/{drawn(24)}\n"
        ),
    ),
    "Stripe": ("config/stripe.txt", lambda: f"sk_live_{drawn(24)}\n"),
    "OpenAI": (
        "notebooks/b.py",
        lambda: f'# %%\nKEY = "sk-proj-{drawn(74)}T3Blbk' + f'FJ{drawn(74)}"\n',
    ),
    "Anthropic": (
        "notebooks/c.py",
        lambda: f'# %%\nKEY = "sk-ant-api03-{drawn(93)}AA"\n',
    ),
    "Databricks": ("config/databricks.cfg", lambda: f"token = dapi{drawn(32, HEX)}\n"),
    "Snowflake's password": (
        "config/snowflake.toml",
        lambda: (
            f'[connections.acme]\naccount = "acme-eu"\npassword = "{password(14)}"\n'
        ),
    ),
    "password in code": ("src/login.py", lambda: f'PASSWORD = "{password(14)}"\n'),
    "password in YAML": ("config/db.yaml", lambda: f"db_password: {password(14)}\n"),
    "key in PEM": ("config/key.pem", lambda: private_key("RSA ")),
    "key of SSH": ("config/id_ed25519", lambda: private_key("OPENSSH ")),
    "PyPI": (
        "config/pypirc.txt",
        lambda: "pypi-" + encoded(b"\x02\x01\x08pypi.org\x02" + _drawn.randbytes(120)),
    ),
    "npm": ("config/npmrc.txt", lambda: f"//r.acme.dev/:_authToken=npm_{drawn(36)}\n"),
    "Hugging Face": ("docs/c.md", lambda: f"hf_{drawn(34, string.ascii_letters)}\n"),
    "SendGrid": ("config/mail.txt", lambda: f"SG.{drawn(22)}.{drawn(43)}\n"),
    "login in an address": (
        "config/pip.conf",
        lambda: f"index-url = https://etl:{password(16)}@packages.acme.dev/simple\n",
    ),
    "ODBC": (
        "config/odbc.txt",
        lambda: f"Server=db.acme.dev;Database=sales;UID=etl;PWD={password(14)};\n",
    ),
}


def uuid() -> str:
    """An id as many programs make them."""
    return "-".join(drawn(it, HEX) for it in (8, 4, 4, 4, 12))


HARMLESS: Samples = {
    "uuid": (
        "docs/ids.md",
        lambda: f"The export {uuid()} of the run {drawn(32, HEX)}.\n",
    ),
    "hashes of a lock": (
        "config/some.lock",
        lambda: (
            'sdist = { url = "https://files.acme.dev/packages/a/b/x-1.0.tar.gz", '
            f'hash = "sha256:{drawn(64, HEX)}", size = 99 }}\n'
        ),
    ),
    "picture in a script": (
        "notebooks/picture.py",
        lambda: (
            "# %% [markdown]\n# ![](data:image/png;base64,"
            + base64.b64encode(_drawn.randbytes(900)).decode()
            + ")\n"
        ),
    ),
    "password of the environment": (
        "src/login.py",
        lambda: (
            '"""Log in."""\n\nimport os\n\npassword = os.environ["DB_PASSWORD"]\n'
            'token = os.getenv("API_TOKEN", "")\n'
        ),
    ),
    "password of settings": (
        "src/ask.py",
        lambda: (
            '"""Ask."""\n\nfrom getpass import getpass\n\n'
            'password = getpass("Password: ")\nsecret_key = load_key()  # noqa: F821\n'
        ),
    ),
    "example of an address": (
        "docs/address.md",
        lambda: "DATA_URL=postgresql://user:password@db.example.com:5432/sales\n",
    ),
    "commit": ("docs/commit.md", lambda: f"Since {drawn(40, HEX)} it is right.\n"),
    "MLflow's run": (
        "docs/run.md",
        lambda: f"run_id: {drawn(32, HEX)}\nmodel_uri: models:/m-{drawn(32, HEX)}\n",
    ),
    "sources": (
        "data/more.toml",
        lambda: (
            '[penguins]\nurl = "https://example.com/a.csv"\n'
            f'sha256 = "{drawn(64, HEX)}"\n'
        ),
    ),
    "example of settings": (
        "deploy/.env.example",
        lambda: "# Copy to .env\nDATA_URL=\nDB_PASSWORD=changeme\n",
    ),
    "words about secrets": (
        "docs/secrets.md",
        lambda: (
            "The password is kept by the keyring; the token comes from CI. "
            "A machine of ours has a login and a password.\n"
        ),
    ),
    "netrc without secret": (
        "docs/netrc.md",
        lambda: (
            "Write into ~/.netrc: `machine HOST login USER password TOKEN`, or "
            "`machine git.example.com login me password $TOKEN`.\n"
        ),
    ),
    "secret of CI": (
        ".gitlab/ci.yml",
        lambda: (
            "variables:\n  PASSWORD: $DB_PASSWORD\n"
            "  TOKEN: ${{ secrets.DEPLOY_TOKEN }}\n"
        ),
    ),
    "table": (
        "docs/rows.csv",
        lambda: (
            "id,key,token\n"
            + "".join(f"{n},{drawn(8, HEX)},{drawn(12, HEX)}\n" for n in range(20))
        ),
    ),
    "columns": (
        "src/columns.py",
        lambda: (
            '"""Columns."""\n\nPASSWORD_CHANGED = "password_changed_at"\n'
            'TOKEN_COUNT = "token_count"\nkeys = ["customer_id", "order_id"]\n'
        ),
    ),
    "hashed names": (
        "docs/hashed.json",
        lambda: json.dumps({"etag": drawn(32, HEX), "md5": drawn(32, HEX)}),
    ),
    "public key": (
        "docs/key.md",
        lambda: (
            "ssh-ed25519 " + base64.b64encode(_drawn.randbytes(51)).decode() + " me\n"
        ),
    ),
    "times": (
        "docs/times.md",
        lambda: "From 10:15:30:00 to 11:20:45:99, at h:m:s:f.\n",
    ),
    "numbers": ("docs/n.md", lambda: f"{drawn(50, string.digits)} {drawn(16, '01')}\n"),
    "links": (
        "docs/links.md",
        lambda: (
            "https://docs.example.com/a/b?page=2&sig=none#token "
            f"https://github.com/acme/x/blob/{drawn(40, HEX)}/a.py\n"
        ),
    ),
    "types": (
        "src/types.py",
        lambda: (
            '"""Types."""\n\n\ndef login(user: str, password: str) -> str:\n'
            '    """Log in."""\n    return f"{user}:{password}@"\n'
        ),
    ),
    "integrity": (
        "docs/page.html",
        lambda: (
            '<script integrity="sha384-'
            + base64.b64encode(_drawn.randbytes(48)).decode()
            + '"></script>\n'
        ),
    ),
}
