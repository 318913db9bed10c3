"""Talking to a forge: where its API is, and what went wrong."""

import math
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import httpx

from twobus import web
from twobus.companion.place import ANSWER, TITLES, Place
from twobus.companion.token import PROTECT, Purpose, is_cloud, token
from twobus.project import StopError

# Tests put a fake forge here.
TRANSPORT: httpx.BaseTransport | None = None

# Repeating a POST, PATCH or DELETE could do it twice.
REPEATABLE = {"GET", "PUT"}
ATTEMPTS = 4
# Longer than this, people had better come back.
PATIENCE = 60
BROKEN = {500, 502, 503, 504}
DAY = 24 * 3600


class RefusedError(StopError):
    """What a forge answered with an error.

    Attributes:
        status: The HTTP status.
        message: What the forge says about it.
    """

    def __init__(self, sentence: str, status: int, message: str) -> None:
        """Keep what callers may want to tell apart."""
        super().__init__(sentence)
        self.status = status
        self.message = message


def base(forge: str, host: str) -> str:
    """Return the address of a host's API."""
    if forge == "gitlab":
        return f"https://{host}/api/v4"
    if host == "github.com":
        return "https://api.github.com"
    return f"https://api.{host}" if is_cloud(host) else f"https://{host}/api/v3"


class Client:
    """Sends requests to one forge, and turns whatever goes wrong into a sentence."""

    def __init__(self, project: Place, purpose: Purpose = PROTECT) -> None:
        """Prepare for a project's forge."""
        self.host = project.host
        self.forge = project.forge
        self.path = project.path
        self.token = token(project.forge, project.host, purpose)
        self.rights = purpose.rights[project.forge]
        headers = {
            "Authorization": f"Bearer {self.token.value}",
            "User-Agent": f"twobus/{version('twobus')}",
            **web.PLAIN,
        }
        if project.forge == "github":
            headers["Accept"] = "application/vnd.github+json"
            headers["X-GitHub-Api-Version"] = "2022-11-28"
        self._http = httpx.Client(
            base_url=base(project.forge, project.host),
            headers=headers,
            timeout=30,
            transport=TRANSPORT,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        """Keep connections open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them."""
        self._http.close()

    def get(self, path: str, shape: Any = Any, **query: str | int) -> Any:
        """Read something of a shape.

        Raises:
            RefusedError: If the forge answers with an error.
            StopError: If it does not answer, or with something else.
        """
        return self._request("GET", path, None, query, shape)

    def find(self, path: str, shape: Any = Any) -> Any:
        """Read something that may not be there: None then."""
        try:
            return self.get(path, shape)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def pages(self, path: str, shape: Any = Any, **query: str | int) -> list[Any]:
        """Read all pages of a list, whose items have a shape.

        Pages are counted rather than followed: a link could lead anywhere.
        """
        found: list[Any] = []
        items = web.Items[shape]
        for number in range(1, web.PAGES + 1):
            page = self.get(path, items, **query, per_page=web.PAGE, page=number)
            found += page
            if len(page) < web.PAGE:
                return found
        raise StopError(f"{self.host} answers {path} with more than {number} pages.")

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        shape: Any = Any,
    ) -> Any:
        """Write something, and return what is there then.

        Raises:
            RefusedError: If the forge refuses.
            StopError: If it does not answer.
        """
        try:
            return self._request(method, path, body, {}, shape)
        except RefusedError as error:
            if error.status not in {403, 404}:
                raise
            raise RefusedError(
                f"{self.host} does not let the token from {self.token.source} change "
                f"{self.path} ({error.message}). It needs {self.rights}.",
                error.status,
                error.message,
            ) from None

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int],
        shape: Any,
    ) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            again = method in REPEATABLE and not last
            try:
                answer = web.send(self._http, method, path, json=body, params=query)
            except web.OddError as error:
                raise StopError(f"{self.host} answers {path} with {error}.") from None
            except httpx.HTTPError as error:
                if not again or _is_certificate(error):
                    raise self._unreachable(error) from None
            else:
                pause = _pause(answer)
                if pause is None and not (answer.status in BROKEN and again):
                    return self._content(answer, path, shape)
                if pause is not None:
                    # It was not even looked at, so that it may be sent again.
                    if last or pause > PATIENCE:
                        raise self._limited(pause)
                    time.sleep(pause)
                    continue
            time.sleep(2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def _content(self, answer: web.Answer, path: str, shape: Any) -> Any:
        status = answer.status
        if 300 <= status < 400:
            raise StopError(
                f"{self.path} has moved, {self.host} says: write its new address with "
                f"{ANSWER} repository_url=https://..."
            )
        try:
            content = None if status == 204 else web.parsed(answer.content)
        except web.OddError as error:
            content = None
            if answer.is_success:
                raise StopError(
                    f"{self.host} answers {path} with {error}: is there a "
                    f"{TITLES[self.forge]} behind this address, or a page to log in?"
                ) from None
        if answer.is_success:
            try:
                return web.shaped(shape, content)
            except web.OddError as error:
                raise StopError(f"{self.host} answers {path} with {error}.") from None
        message = self._message(content) or f"HTTP {status}"
        raise RefusedError(self._sentence(status, message), status, message)

    def _sentence(self, status: int, message: str) -> str:
        if status == 401:
            return (
                f"{self.host} does not accept the token from {self.token.source}: it "
                "is wrong, expired or revoked."
            )
        if status == 404:
            return (
                f"There is no {self.path} on {self.host}, or the token from "
                f"{self.token.source} may not see it. It needs {self.rights}."
            )
        if status == 403:
            return (
                f"{self.host} forbids this to the token from {self.token.source} "
                f"({message}). It needs {self.rights}."
            )
        if status in BROKEN:
            return f"{self.host} is out of order ({message}): try again later."
        return f"{self.host} refuses: {message} (HTTP {status})."

    def _message(self, content: Any) -> str:
        """Return what a forge says about an error, in one line, without the token."""
        if not isinstance(content, dict):
            return ""
        parts = [content.get("message"), content.get("errors"), content.get("error")]
        text = "; ".join(str(part) for part in parts if part)
        text = " ".join(text.split()).replace(self.token.value, "***")
        return text.rstrip(".")[:300]

    def _limited(self, pause: float) -> StopError:
        until = datetime.fromtimestamp(time.time() + pause, UTC)
        return StopError(
            f"{self.host} has had enough requests from this token for now: try again "
            f"after {until:%H:%M} UTC."
        )

    def _unreachable(self, error: httpx.HTTPError) -> StopError:
        if _is_certificate(error):
            return StopError(
                f"The certificate of {self.host} is not one that this computer trusts: "
                "if it is your organisation's, name its file in SSL_CERT_FILE."
            )
        return StopError(
            f"{self.host} cannot be reached ({type(error).__name__}): is there a "
            "network, is the address right, is a proxy needed (HTTPS_PROXY)?"
        )


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _pause(answer: web.Answer) -> float | None:
    """Return for how many seconds a forge wants to be left alone, None if not."""
    if answer.status not in {403, 429}:
        return None
    headers = answer.headers
    after = headers.get("retry-after", "")
    if (seconds := _number(after)) is None:
        seconds = _until(after)
    if seconds is not None:
        return _sensible(seconds)
    left = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining"))
    if left != "0" and answer.status == 403:
        return None
    reset = _number(headers.get("x-ratelimit-reset", headers.get("ratelimit-reset")))
    return PATIENCE if reset is None else _sensible(reset - time.time())


def _sensible(seconds: float) -> float:
    return min(max(seconds, 0), DAY)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _until(text: str) -> float | None:
    """Return the seconds until a date, as servers may say it."""
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
