"""The second Pay-easy agency's stand-in: as strict as its protocol, and as forgetful as its payers."""

import time
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest

from kernel.clock import JAPAN, SystemClock

WORDS = {
    "CustomerName": "もみじ00000001",
    "CustomerKana": "モミジ",
    "TelNo": "0820000000",
    "ReceiptsDisp11": "もみじ窓口",
    "ReceiptsDisp12": "082-000-0000",
    "ReceiptsDisp13": "09:00-17:00",
}


def fields(answer):
    return dict(parse_qsl(answer.content.decode("cp932"), keep_blank_values=True))


@pytest.fixture
def shop(live):
    class Shop:
        url = live.url

        def call(self, name, **said):
            settings = live.settings
            known = {"ShopID": settings.gmopg_shop_id, "ShopPass": settings.gmopg_shop_pass.get_secret_value()}
            return live.client.post(
                f"/gmopg/payment/{name}.idPass",
                content=urlencode(known | said, encoding="cp932").encode(),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )

        def said(self, name, **more):
            return fields(self.call(name, **more))

        def entry(self, order="order-1", amount="510"):
            return self.said("EntryTranPayEasy", OrderID=order, Amount=amount)

        def issued(self, order="order-1", amount="510", **more):
            access = self.entry(order, amount)
            return self.said("ExecTranPayEasy", OrderID=order, **access, **(WORDS | {"PaymentTermDay": "3"} | more))

        def search(self, order="order-1"):
            return self.said("SearchTradeMulti", OrderID=order, PayType="4")

        def page(self, order="order-1"):
            return f"{live.url}/gmopg/pay/{self.search(order)['EncryptReceiptNo']}"

    return Shop()


def test_numbers_are_issued_in_two_steps_and_end_with_a_day_of_japan(shop):
    made = shop.issued()
    assert (len(made["BkCode"]), len(made["CustID"]), len(made["ConfNo"])) == (5, 11, 6)
    last = SystemClock().now().astimezone(JAPAN).date() + timedelta(days=3)
    assert made["PaymentTerm"] == f"{last:%Y%m%d}235959"
    assert shop.search()["Status"] == "REQSUCCESS"


def test_an_order_id_is_taken_once_for_ever(shop):
    first = shop.entry()
    assert shop.entry()["ErrInfo"] == "E01040010"
    assert shop.entry(amount="999")["ErrInfo"] == "E01040010"
    found = shop.search()
    assert (found["Status"], found["AccessID"], found["Amount"]) == ("UNPROCESSED", first["AccessID"], "510")


def test_numbers_are_issued_once(shop):
    access = shop.entry()
    assert "CustID" in shop.said("ExecTranPayEasy", OrderID="order-1", **access, **WORDS)
    assert shop.said("ExecTranPayEasy", OrderID="order-1", **access, **WORDS)["ErrInfo"] == "E11010001"


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [
        ("EntryTranPayEasy", {"OrderID": "a", "Amount": "1", "ShopPass": "wrong"}, "E01030002"),
        ("EntryTranPayEasy", {"OrderID": "a", "Amount": "1", "ShopID": ""}, "E01010001"),
        ("EntryTranPayEasy", {"Amount": "1"}, "E01040001"),
        ("EntryTranPayEasy", {"OrderID": "x" * 28, "Amount": "1"}, "E01040013"),
        ("EntryTranPayEasy", {"OrderID": "a_b", "Amount": "1"}, "E01040013"),
        ("EntryTranPayEasy", {"OrderID": "a"}, "E01060001"),
        ("EntryTranPayEasy", {"OrderID": "a", "Amount": "0"}, "M01Amount"),
        ("EntryTranPayEasy", {"OrderID": "a", "Amount": "1000000"}, "M01Amount"),
        ("EntryTranPayEasy", {"OrderID": "a", "Amount": "999999", "Tax": "1"}, "M01Amount"),
        ("EntryTranPayEasy", {"OrderID": "a", "Amount": "12.5"}, "M01Amount"),
        ("SearchTradeMulti", {"OrderID": "nobody", "PayType": "4"}, "E01110002"),
        ("SearchTradeMulti", {"OrderID": "nobody"}, "M01PayType"),
        ("ExecTranPayEasy", {"OrderID": "a", "AccessID": "x", "AccessPass": "y"}, "E01110002"),
    ],
)
def test_what_the_agency_does_not_take_is_refused_with_its_code(shop, name, said, code):
    assert shop.said(name, **said)["ErrInfo"] == code


def test_each_wrong_word_of_a_payer_is_named(shop):
    access = shop.entry()
    wrong = WORDS | {"CustomerKana": "もみじ", "TelNo": "", "ReceiptsDisp13": "always", "PaymentTermDay": "-1"}
    refused = shop.said("ExecTranPayEasy", OrderID="order-1", **access, **wrong)["ErrInfo"].split("|")
    assert refused == ["M01CustomerKana", "M01TelNo", "M01ReceiptsDisp13", "M01PaymentTermDay"]


def test_a_notice_is_a_form_that_comes_again_until_it_is_answered_with_0(live, shop):
    live.catcher.says = b"OK"
    shop.issued()
    live.pay(shop.page())
    assert eventually(lambda: len(live.catcher.of("gmopg")) > 3)
    live.catcher.says = b"0"
    assert eventually(lambda: "通知" not in live.client.get("/").text)
    notices = live.catcher.of("gmopg")
    assert all(each.headers["content-type"].startswith("application/x-www-form-urlencoded") for each in notices)
    said = {dict(parse_qsl(each.body.decode()))["Status"] for each in notices}
    assert said == {"REQSUCCESS", "PAYSUCCESS"}


def test_the_bank_s_page_pays_and_takes_back(live, shop):
    shop.issued()
    page = shop.page()
    assert live.client.post(page, data={"do": "pay"}).status_code == 303
    found = shop.search()
    assert found["Status"] == "PAYSUCCESS"
    assert datetime.strptime(found["FinishDate"], "%Y%m%d%H%M%S").replace(tzinfo=JAPAN) <= SystemClock().now()
    assert live.client.post(page, data={"do": "pay"}).status_code == 409
    assert live.client.post(page, data={"do": "reverse"}).status_code == 303
    gone = shop.search()
    assert (gone["Status"], gone["FinishDate"]) == ("CANCEL", found["FinishDate"])
    assert live.client.post(page, data={"do": "pay"}).status_code == 409
    assert live.pay(page, "pay_late").status_code == 422
    (booked,) = live.client.get("/books").json()["gmopg"]["payments"]
    assert (booked["status"], booked["captured"]) == ("reversed", 0)


def test_only_unpaid_numbers_are_cancelled(live, shop):
    access = shop.entry()
    shop.said("ExecTranPayEasy", OrderID="order-1", **access, **WORDS)
    assert shop.said("PayEasyCancel", OrderID="order-1", **access)["Status"] == "CANCEL"
    assert live.pay(shop.page()).status_code == 422
    assert live.pay(shop.page(), "pay_late").json()["status"] == "PAYSUCCESS"
    assert shop.said("PayEasyCancel", OrderID="order-1", **access)["ErrInfo"] == "E11010003"


def test_numbers_that_nobody_pays_expire(start):
    live = start(gmopg_deadline_seconds=1)
    settings = live.settings
    shop = {"ShopID": settings.gmopg_shop_id, "ShopPass": settings.gmopg_shop_pass.get_secret_value()}

    def said(name, **more):
        body = urlencode(shop | {"OrderID": "o"} | more, encoding="cp932").encode()
        return fields(live.client.post(f"/gmopg/payment/{name}.idPass", content=body))

    said("ExecTranPayEasy", **said("EntryTranPayEasy", Amount="510"), **WORDS)
    assert eventually(lambda: said("SearchTradeMulti", PayType="4")["Status"] == "EXPIRED")


def test_komoju_s_bank_takes_a_payment_back_once(live):
    made = live.numbers().json()
    page = made["payment_details"]["payment_url"]
    assert live.pay(page, "reverse").status_code == 422
    live.pay(page)
    assert live.pay(page, "reverse").json()["status"] == "cancelled"
    gone = live.komoju("GET", f"/payments/{made['id']}").json()
    assert (gone["status"], gone["captured_at"] is None) == ("cancelled", False)
    assert live.pay(page, "reverse").status_code == 422
    assert live.pay(page, "pay_late").status_code == 422
    assert eventually(lambda: live.catcher.events("komoju", "payment.cancelled"))
    assert live.client.get("/books").json()["komoju"]["captured"] == 0


def test_no_bank_takes_a_paypay_payment_back(live):
    page = live.code().json()["data"]["url"]
    assert live.pay(page).status_code == 200
    assert live.pay(page, "reverse").status_code == 422


def eventually(claim):
    deadline = time.monotonic() + 5
    while not (found := claim()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
