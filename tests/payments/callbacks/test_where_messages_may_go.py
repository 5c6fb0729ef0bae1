"""Messages go where they may, when they may, and say who sent them: the rules, as tables."""

import ssl
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kernel.clock import SystemClock
from payments.callbacks.actions import Courier
from payments.callbacks.model import Answered, Message, after, may_reach, next_try, once_more, signature
from payments.collecting.model import origin_of, problem_of_url
from support.collecting import receiver

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
MESSAGE = Message(UUID(int=1), "shinsei", "charge.captured", UUID(int=2), "{}", "waiting", NOW, NOW, next_try_at=NOW)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address that must not be reached
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
def test_production_reaches_no_inside_address(address):
    assert not may_reach(address, strict=True, networks=())
    assert may_reach(address, strict=False, networks=())


@pytest.mark.parametrize("address", ["203.0.114.1", "8.8.8.8", "2606:4700::1111"])
def test_production_reaches_public_addresses(address):
    assert may_reach(address, strict=True, networks=())


def test_production_reaches_the_authority_s_own_network_if_it_is_named():
    assert may_reach("10.1.2.3", strict=True, networks=("10.1.0.0/16",))
    assert not may_reach("10.2.2.3", strict=True, networks=("10.1.0.0/16",))


@pytest.mark.parametrize(
    ("url", "strict", "refused"),
    [
        ("https://a.example.jp/hook", True, False),
        ("http://a.example.jp/hook", True, True),
        ("http://127.0.0.1:9/hook", False, False),
        ("ftp://a.example.jp/", False, True),
        ("https://user@a.example.jp/", False, True),
        ("https:///x", False, True),
        ("https://a.example.jp:x/", False, True),
    ],
)
def test_only_web_addresses_are_told_and_in_production_only_https(url, strict, refused):
    assert bool(problem_of_url(url, strict=strict)) is refused


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://A.Example.JP:443/x?y#z", "https://a.example.jp"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://a.example.jp\\@evil.example", None),
        ("//a.example.jp/x", None),
    ],
)
def test_an_origin_is_what_browsers_take_it_for(url, origin):
    assert origin_of(url) == origin


def test_pauses_grow_to_an_hour_and_end_after_three_days():
    at, pauses, tries = NOW, [], 1
    while (following := next_try(tries, asked_at=NOW, at=at)) is not None:
        pauses.append((following - at).total_seconds())
        at, tries = following, tries + 1
        assert tries < 100
    assert pauses[:7] == [10, 30, 120, 600, 1800, 3600, 3600]
    assert timedelta(days=2, hours=23) < at - NOW <= timedelta(days=3)


@pytest.mark.parametrize(
    ("status", "state"), [(200, "delivered"), (204, "delivered"), (302, "waiting"), (410, "waiting"), (None, "waiting")]
)
def test_only_a_good_answer_ends_a_message(status, state):
    assert after(MESSAGE, Answered(status), at=NOW).state == state


def test_what_was_given_up_gets_three_more_days_when_asked_for():
    late = NOW + timedelta(days=4)
    given_up = after(MESSAGE, Answered(500), at=late)
    assert given_up.state == "given_up"
    again = once_more(given_up, at=late)
    assert after(again, Answered(500), at=late).state == "waiting"


def test_a_signature_is_as_its_page_says():
    assert signature(["mms_1", "mms_2"], '{"id":"1"}', at=NOW) == ("t=1795478400,v1=" + SIGNED[0] + ",v1=" + SIGNED[1])


SIGNED = (
    "017ffa1ff8524b537e361e8ad4ba39b82addbaa5aafe2abb548d9ef6eb3601aa",
    "30110a5e880a5d08d6a0c95b3654bbb0b3409ff59c81be9ceafebc6e39019759",
)  # made by openssl


@pytest.mark.parametrize("url", ["https://localhost/hook", "https://127.0.0.1/hook", "http://example.jp/"])
async def test_in_production_nothing_is_sent_inside(url):
    courier = Courier(None, SystemClock(), secret_of=str, strict=True, networks=())
    answered = await courier.send(MESSAGE, url, ["mms_1"])
    await courier.close()
    assert answered.status is None
    assert answered.problem in {
        "its address lies in a private network; see MOMIJI_WEBHOOK_NETWORKS",
        "it is not https",
    }


@pytest.fixture
def secure_receiver(tmp_path):
    """Yield a receiver that speaks TLS as localhost, and the file of who signed that."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    with receiver(context) as kept:
        yield kept, tmp_path / "ca.pem"


@pytest.mark.parametrize(("host", "status"), [("localhost", 204), ("127.0.0.1", None)])
async def test_the_address_that_was_judged_is_used_and_the_name_s_certificate_is_checked(secure_receiver, host, status):
    kept, ca_file = secure_receiver
    url = f"https://{host}:{kept.port}/hook"
    courier = Courier(None, SystemClock(), secret_of=str, strict=True, networks=("127.0.0.0/8",), ca_file=ca_file)
    answered = await courier.send(MESSAGE, url, ["mms_1"])
    await courier.close()
    assert answered.status == status, answered
    assert [headers["host"] for headers, _ in kept.got] == ([f"localhost:{kept.port}"] if status else [])
