"""A provider's API, through Anymail: as many mails in one call as it takes, each with one recipient and its own parts.

Where the provider merges (`alerts.senders.providers`), a call carries the words once and each recipient's own parts beside
them; where it does not, a call carries one finished mail. Nothing that somebody wrote is taken for a place to fill. What is
answered is each recipient's own: a call of which one address is refused is halved until that one is found. Whether a call
that broke off was carried out is not known, and then that is what is said (`RouteDown.unknown`).
"""

import hashlib
import math
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.mime.image import MIMEImage
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import escape
from typing import Any

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailInvalidAddress, AnymailUnsupportedFeature
from anymail.utils import EmailAddress
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from django.utils.module_loading import import_string
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from alerts.letters.letter_mime import Inline
from alerts.letters.letters import Personal, Skeleton
from alerts.routing.routes import Way
from alerts.senders import Mail, Outcome, QuotaSpent, RouteDown, RouteSlow
from alerts.senders.providers import JOINER, PROVIDERS, Provider
from alerts.spelling import one_line
from config.logs import scrub

AT_A_TIME = 100  # mails that a provider is handed at once which takes them one a call
LONGEST_WORDS = 300  # characters kept of what a provider says
LONGEST_ANSWER = 5_000_000  # octets
LONGEST_ID = 250
EVERYBODY = 10  # of a call, at least
PART = 1 << 14

_MANY_REQUESTS, _UNAVAILABLE, _CONFLICT = 429, 503, 409
# Without quotes, comments and blanks (RFC 5322, section 3.4.1); the directory has no others.
_PLAIN_ADDRESS = re.compile(r"[^\s\"(),:;<>@\[\]\\]+@[^\s\"(),:;<>@\[\]\\]+")
# How a provider says that it knows a call by its key.
_BEFORE = re.compile(r"duplicate.request|already (been )?(used|processed|sent)", re.IGNORECASE)
# It is us whom the provider does not take: no key, no right, no such account or domain.
_OURS = frozenset({401, 403, 404, 405, 407})


class _NotTaken(Exception):
    """The call was refused for what is in it, and none of it was carried out."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class _CarriedOutBefore(Exception):
    """The provider knows the call by its key, and did it then."""


class ProviderSender:
    """A provider's API, over one connection that is kept. TLS certificates are verified.

    A call as a whole takes no longer than `EMAIL_TIMEOUT`: a fifth for connecting, two for sending it, two for the answer.
    """

    def __init__(self, way: Way) -> None:
        self.way = way
        self.provider = PROVIDERS[way.kind]
        self.most = self.provider.most if self.provider.merges else AT_A_TIME
        self.soon = self._last = False

    def __enter__(self) -> "ProviderSender":
        try:
            self.backend = _backend(self.way.kind)
            self.backend.open()
        except (ImproperlyConfigured, ImportError) as error:
            raise RouteDown(self._clean(f"{self.way.name}: {error}")) from None
        if isinstance(session := getattr(self.backend, "session", None), requests.Session):
            session.mount("https://", _Bounded())
            session.mount("http://", _Bounded())
        return self

    def __exit__(self, *_: object) -> None:
        self.backend.close()

    def send(self, mails: Iterable[Mail]) -> Iterator[Outcome]:
        """Hand over mails, an outcome each; raises `RouteDown` after what was settled."""
        self._last = False
        for call in self._calls(mails):
            for outcome, soon in self._hand_over(call):
                self.soon = soon
                yield outcome

    # --- which mails go in one call ---

    def _calls(self, mails: Iterable[Mail]) -> Iterator[list[Mail]]:
        """One subject and no address twice in each."""
        open_calls: dict[tuple[int, str], dict[str, Mail]] = {}
        for mail in mails:
            if not self._may_merge(mail):
                yield [mail]
                continue
            kind = id(mail.skeleton), mail.skeleton.subject(mail.personal)
            call = open_calls.setdefault(kind, {})
            if mail.address in call or len(call) >= self.most:
                yield list(call.values())
                call = open_calls[kind] = {}
            call[mail.address] = mail
        rest = [call for call in open_calls.values() if call]
        for number, call in enumerate(rest, 1):
            self._last = number == len(rest)
            yield list(call.values())

    def _may_merge(self, mail: Mail) -> bool:
        """Where the provider may escape a value once more, only if there is nothing in it to escape."""
        if not self.provider.merges or self.provider.raw:
            return self.provider.merges
        theirs = mail.skeleton.told(mail.personal, _places(mail.skeleton, html=True), html=True)
        return not any(value != escape(value) for value in map(self.provider.plain_html, theirs.values()))

    # --- one call ---

    def _hand_over(self, mails: list[Mail]) -> Iterator[tuple[Outcome, bool]]:
        """An outcome each, and whether the next one, or the end, comes at once."""
        try:
            statuses = self._call(mails)
            outcomes = [self._outcome(mail, statuses.get(mail.address)) for mail in mails]
            if len(mails) >= EVERYBODY and all(outcome.kind == "suppressed" for outcome in outcomes):
                # A sender that is not known there, an account in test mode: it is not all of them.
                raise RouteDown("the provider rejects everybody")
        except _CarriedOutBefore:
            outcomes = [Outcome(mail.id, "sent", 200, "carried out when it was asked for before") for mail in mails]
        except _NotTaken as refusal:
            if len(mails) > 1:
                half, self._last = len(mails) // 2, False
                yield from self._hand_over(mails[:half])
                yield from self._hand_over(mails[half:])
                return
            outcomes = [Outcome(mails[0].id, "refused", refusal.code, self._clean(refusal.words))]
        for left, outcome in zip(range(len(outcomes) - 1, -1, -1), outcomes, strict=True):
            yield outcome, left > 0 or self._last

    def _call(self, mails: list[Mail]) -> dict[str, Any]:
        """Make it; Anymail's status of each address, in lower case. Raises what became of it."""
        ids = [mail.id for mail in mails]
        try:
            message, payload = self._payload(mails)
        except AnymailError as error:
            raise self._unfit(error) from None
        try:
            response = self.backend.post_to_esp(payload, message)
            found = self.backend.parse_recipient_status(response, payload, message)
        except AnymailAPIError as error:
            raise self._understood(error, ids) from None
        except AnymailError as error:
            raise self._unfit(error) from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RouteDown(f"{self.way.name} gave an answer that nobody can read", unknown=ids) from None
        return {address.lower(): status for address, status in found.items()}

    def _payload(self, mails: list[Mail]) -> tuple[EmailMultiAlternatives, Any]:
        """Anymail's message, and the call that it makes of it."""
        if not all(_PLAIN_ADDRESS.fullmatch(mail.address) for mail in mails):
            # It would be written in another way than we know it by, and its mail have nothing in its places.
            raise AnymailInvalidAddress
        message = self._message(mails)
        payload = self.backend.build_message_payload(message, self.backend.send_defaults)
        if self.provider.name in _LATE:
            payload.set_to([_address(self.provider, mail) for mail in mails])
        if len(mails) > 1 and not payload.is_batch():
            raise AssertionError("one message to several people: each would see whom else it went to")
        self._finish(payload, mails)
        return message, payload

    def _message(self, mails: list[Mail]) -> EmailMultiAlternatives:
        first, provider = mails[0], self.provider
        skeleton, sender = first.skeleton, first.skeleton.kept["address"]
        merged = len(mails) > 1 or self._may_merge(first)
        headers = dict(skeleton.kept["headers"]) if provider.headers else {}
        if provider.idempotency == "idempotencyKey":
            headers["idempotencyKey"] = str(uuid.UUID(_key(mails)[:32], version=5))
        message = EmailMultiAlternatives(
            subject=provider.plain(skeleton.subject(first.personal)),
            body=_body(provider, skeleton, None if merged else first.personal, html=False),
            from_email=_mailbox(provider, skeleton.kept["from"], sender),
            to=[]
            if provider.name in _LATE
            else [_mailbox(provider, mail.personal.name, mail.address) for mail in mails],
            reply_to=[sender if merged else first.personal.reply or sender],
            headers=headers,
        )
        message.attach_alternative(
            _body(provider, skeleton, None if merged else first.personal, html=True), "text/html"
        )
        if skeleton.picture and provider.name not in _NO_PICTURES:
            message.attach(_inline(skeleton.picture))
        options: dict[str, Any] = {"track_opens": False, "track_clicks": False} if provider.tracking else {}
        if not merged:
            options |= {"metadata": {"token": first.token}} if provider.metadata else {}
        else:
            options["merge_data"] = {mail.address: _values(provider, mail) for mail in mails}
            if provider.metadata:
                options["merge_metadata"] = {mail.address: {"token": mail.token} for mail in mails}
            if provider.own_reply == "headers":
                options["merge_headers"] = {mail.address: {"Reply-To": mail.personal.reply or sender} for mail in mails}
            options["esp_extra"] = _EXTRA.get(provider.name, {})
        for name, value in options.items():
            setattr(message, name, value)
        return message

    def _finish(self, payload: Any, mails: list[Mail]) -> None:
        """What Anymail has no words for: a Reply-To for each, and the key by which a call is known again."""
        if payload.is_batch():
            _reply_to_each(self.provider, payload, mails)
        if self.provider.name == "mailgun":
            # One field that stands among the files has the whole form sent in parts (RFC 7578), which are not escaped: half
            # the octets, and none of them quoted one by one.
            payload.files.append(("o:tracking", (None, "no")))
        if self.provider.idempotency == "Idempotency-Key":
            payload.headers["Idempotency-Key"] = _key(mails)
        elif self.provider.idempotency == "idempotence_key":
            payload.data["idempotence_key"] = _key(mails)

    # --- what was answered ---

    def _outcome(self, mail: Mail, status: Any) -> Outcome:
        if status is None:
            return Outcome(mail.id, "sent", 200, "taken; of this address the provider said nothing")
        number = str(status.message_id or "")[:LONGEST_ID]
        match status.status:
            case "sent" | "queued":
                return Outcome(mail.id, "sent", 200, str(status.status), number)
            case "rejected":
                return Outcome(mail.id, "suppressed", 550, "5.7.1 the provider sends nothing to this address")
            case "invalid":
                return Outcome(mail.id, "refused", 550, "5.1.3 the provider says that this is no address")
            case "failed":
                return Outcome(mail.id, self.provider.failed, 550, "5.1.0 the provider could not send to this address")
        return Outcome(mail.id, "sent", 200, f"taken; the provider calls its status {status.status}", number)

    def _unfit(self, error: AnymailError) -> _NotTaken:
        """What can't even be asked of the provider. Anymail's words may have the address in them."""
        if isinstance(error, AnymailUnsupportedFeature):
            return _NotTaken(553, f"5.6.7 {error.args[0] if error.args else 'not supported'}")
        if isinstance(error, AnymailInvalidAddress):
            return _NotTaken(553, "5.1.3 this is no address that the provider takes")
        return _NotTaken(554, f"5.6.0 the mail can't be put into words for the provider: {type(error).__name__}")

    def _understood(self, error: AnymailAPIError, ids: list[int]) -> Exception:
        """What the answer, or none, says of the call. Anymail's own words hold the whole call: they go nowhere."""
        status, words, headers = _answer(error)
        if not status:
            cause = error.__cause__
            reason = f"{self.way.name}: {type(cause).__name__ if cause else 'an answer that nobody can read'}"
            return RouteDown(reason, unknown=() if _never_left(cause) else ids)
        status = self.provider.named.get(words.partition(":")[0], status)
        reason = self._clean(f"{self.way.name} answered {status} {words}")
        wait = _seconds(headers.get("Retry-After"), timezone.now())
        if self.provider.idempotency and (status == _CONFLICT or (400 <= status < 500 and _BEFORE.search(words))):
            if "concurrent" in words.lower():
                return RouteSlow(reason, unknown=ids, retry_after=wait)
            return _CarriedOutBefore()
        if self.provider.is_spent(status, words):
            return QuotaSpent(reason)
        if status == _MANY_REQUESTS or (wait is not None and status in (*range(400, 500), _UNAVAILABLE)):
            return RouteSlow(reason, retry_after=wait)
        if status in _OURS or 300 <= status < 400:
            return RouteDown(reason)
        if status < 300 or status >= 500 or status == 408:
            return RouteDown(reason, unknown=ids)
        return _NotTaken(status, words)

    def _clean(self, words: str) -> str:
        """Without addresses, links' tokens and whatever the settings of Anymail have."""
        for value in settings.ANYMAIL.values():
            if isinstance(value, str) and len(value) >= 8:
                words = words.replace(value, "…")
        return scrub(one_line(words))[:LONGEST_WORDS]


class _Bounded(HTTPAdapter):
    """Never asks twice by itself, and reads an answer no longer, and no more of it, than it may."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The whole answer."""
        kwargs["stream"] = True
        response = super().send(request, *args, **kwargs)
        until, parts, size = time.monotonic() + _answer_within(), list[bytes](), 0
        for part in response.iter_content(PART):
            parts.append(part)
            size += len(part)
            if size > LONGEST_ANSWER or time.monotonic() > until:
                response.close()
                raise requests.ReadTimeout("an answer without an end")
        response._content = b"".join(parts)
        return response


def _answer_within() -> float:
    return float(settings.EMAIL_TIMEOUT * 2 / 5)


def _backend(kind: str) -> Any:
    """Anymail's, with one attempt a call."""
    within = _answer_within()
    options: dict[str, Any] = {"timeout": (settings.EMAIL_TIMEOUT / 5, within)}
    if kind == "amazon_ses":
        # boto3 would try five times, and a mail might leave as often.
        once = import_string("botocore.config.Config")(
            connect_timeout=settings.EMAIL_TIMEOUT / 5, read_timeout=within, retries={"total_max_attempts": 1}
        )
        options = {"client_params": {**settings.ANYMAIL.get("AMAZON_SES_CLIENT_PARAMS", {}), "config": once}}
    return import_string(f"anymail.backends.{kind}.EmailBackend")(ignore_unsupported_features=False, **options)


# --- the words ---

_EXTRA: Mapping[str, dict[str, Any]] = {
    "mandrill": {"message": {"merge": True, "merge_language": "mailchimp"}},
    "sendgrid": {"merge_field_format": "-tocsin.{}-"},
    "unisender_go": {"template_engine": "simple"},
}


def _name(place: str, *, html: bool) -> str:
    return f"{'h' if html else 't'}_{place.lower()}"


@lru_cache(maxsize=32)
def _places(skeleton: Skeleton, *, html: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_pieces(skeleton, html)[1::2]))


@lru_cache(maxsize=32)
def _pieces(skeleton: Skeleton, html: bool) -> tuple[str, ...]:
    return tuple(skeleton.written(html=html))


def _inline(shown: Inline) -> MIMEImage:
    image = MIMEImage(shown.png, "png")
    image.add_header("Content-ID", f"<{shown.id}>")
    image.add_header("Content-Disposition", "inline", filename=shown.name)
    return image


def _body(provider: Provider, skeleton: Skeleton, personal: Personal | None, *, html: bool) -> str:
    """One person's words, or for nobody in particular those with places in them."""
    pieces = _pieces(skeleton, html)
    safe = provider.plain_html if html else provider.plain
    theirs = skeleton.told(personal, set(pieces[1::2]), html=html) if personal else {}
    return "".join(
        safe(piece if number % 2 == 0 else theirs[piece])
        if number % 2 == 0 or personal
        else provider.placed(_name(piece, html=html))
        for number, piece in enumerate(pieces)
    )


def _values(provider: Provider, mail: Mail) -> dict[str, str]:
    """One recipient's own parts, by the names that the places have."""
    values: dict[str, str] = {}
    for html in (False, True):
        safe = provider.plain_html if html else provider.plain
        theirs = mail.skeleton.told(mail.personal, _places(mail.skeleton, html=html), html=html)
        values |= {_name(place, html=html): safe(value) for place, value in theirs.items()}
    if provider.own_reply in ("content", "reply_to_list"):
        values["reply"] = (mail.personal.reply or mail.skeleton.kept["address"]).rpartition("@")[0]
    return values


# Anymail looks at their recipients last of all, so that they need not be written out for it and read again, which takes
# longer than all the rest.
_LATE = frozenset({"mailgun", "mandrill", "sendgrid"})
# They take no picture that stands in the HTML: what it shows is said there in words as well.
_NO_PICTURES = frozenset({"brevo", "postal", "scaleway"})


def _address(provider: Provider, mail: Mail) -> EmailAddress:
    local, _, domain = mail.address.rpartition("@")
    return EmailAddress(_called(provider, mail.personal.name), username=local, domain=domain)


def _called(provider: Provider, name: str) -> str:
    """What looks encoded is no longer so."""
    return provider.plain(one_line(name)).replace("=?", f"={JOINER}?")


def _mailbox(provider: Provider, name: str, address: str) -> str:
    """As Anymail reads it (RFC 5322, section 3.4)."""
    name = _called(provider, name)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address


def _reply_to_each(provider: Provider, payload: Any, mails: list[Mail]) -> None:
    sender = mails[0].skeleton.kept["address"]
    merged = f"{provider.placed('reply')}@{sender.rpartition('@')[2]}"
    match provider.own_reply:
        case "content":
            payload.data["content"]["reply_to"] = merged
        case "reply_to_list":
            payload.data["reply_to_list"] = [{"email": merged}]
        case "messages":
            replies = {mail.address: mail.personal.reply or sender for mail in mails}
            for one in payload.data["Messages"]:
                one["ReplyTo"] = {"Email": replies[one["To"][0]["Email"].lower()]}


def _key(mails: list[Mail]) -> str:
    """The same for the same mails, however often they are handed over: 64 hexadecimal digits."""
    return hashlib.sha256("\n".join(sorted(mail.token for mail in mails)).encode()).hexdigest()


# --- the answer ---


def _answer(error: AnymailAPIError) -> tuple[int, str, Mapping[str, str]]:
    """Its status (0: there was none), the provider's words, and its headers."""
    response = error.response
    if isinstance(response, Mapping):  # Amazon SES, by boto3
        told, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
        words = f"{told.get('Code', '')}: {told.get('Message', '')}"
        return int(meta.get("HTTPStatusCode") or 0), words, meta.get("HTTPHeaders", {})
    if not isinstance(response, requests.Response):
        return 0, "", {}
    return response.status_code, _words(response), response.headers


def _words(response: requests.Response) -> str:
    """What the provider says is wrong, with the name that it gives it; nothing where it says nothing in JSON."""
    with suppress(ValueError):
        told = response.json()
        for _ in range(3):
            if isinstance(told, list) and told:
                told = told[0]
            elif isinstance(told, dict) and (inner := told.get("errors") or told.get("Errors") or told.get("Messages")):
                told = inner
        if isinstance(told, str):
            return told[:LONGEST_WORDS]
        if isinstance(told, dict):
            said = [told.get(key) for key in ("name", "message", "Message", "error", "ErrorMessage", "detail")]
            return ": ".join(one for one in said if isinstance(one, str) and one)[:LONGEST_WORDS]
    return str(response.reason or "")[:LONGEST_WORDS]


def _never_left(cause: BaseException | None) -> bool:
    """Whether the call certainly did not reach the provider: there was no connection that it could have gone by."""
    if cause is None:
        return False
    if isinstance(cause, requests.ConnectTimeout | ValueError) and not isinstance(
        cause, requests.exceptions.JSONDecodeError
    ):
        return True  # and no address that could be called at all
    if type(cause).__name__ in ("EndpointConnectionError", "ConnectTimeoutError", "NoCredentialsError"):
        return True  # botocore's
    reason = cause.args[0].reason if cause.args and isinstance(cause.args[0], MaxRetryError) else None
    return (
        isinstance(reason, NewConnectionError | ConnectTimeoutError)
        or "certificate verify failed" in str(reason).lower()
    )


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """`Retry-After` (RFC 9110, section 10.2.3): seconds, or a moment; None where it is neither."""
    if not retry_after:
        return None
    with suppress(ValueError):
        seconds = float(retry_after)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    with suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(retry_after)
        return max((moment - now).total_seconds(), 0.0)
    return None
