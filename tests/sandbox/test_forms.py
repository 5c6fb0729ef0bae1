import pytest

from sandbox.forms import FormError, parse
from sandbox.stripe.errors import StripeError
from sandbox.stripe.forms import METADATA, TEXT, check


def test_nested_keys_become_a_tree():
    said = "a=1&b[c]=2&b[d][0]=x&b[d][1]=y&e[]=p&e[]=q&f[0][g]=%E5%A4%A7"
    assert parse(said) == {"a": "1", "b": {"c": "2", "d": ["x", "y"]}, "e": ["p", "q"], "f": [{"g": "大"}]}


@pytest.mark.parametrize(
    "wrong", ["a[b=1", "a=1&a[b]=2", "a" + "[b]" * 9 + "=1", "&".join(f"a{number}=1" for number in range(501))]
)
def test_what_cannot_be_read_is_refused(wrong):
    with pytest.raises(FormError):
        parse(wrong)


def test_a_shape_names_the_parameter_that_it_does_not_know():
    shape = {"name": TEXT, "items": [{"price": TEXT}], "metadata": METADATA}
    check(parse("name=x&items[0][price]=1&metadata[any]=thing&metadata[0]=y"), shape)
    with pytest.raises(StripeError) as refused:
        check(parse("items[0][price]=1&items[1][colour]=red"), shape)
    assert refused.value.body["error"]["param"] == "items[1][colour]"
    with pytest.raises(StripeError):
        check(parse("name[first]=x"), shape)
