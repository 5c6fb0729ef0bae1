"""What can be wrong with a merchant-presented code; each says where, and what to do.

    CodeProblem
    ├── NothingToRead, CodeTooLong, WideCharacters, NotAPaymentCode     the text as a whole
    ├── FieldUnreadable, FieldCutShort, FieldEmpty, FieldTwice          the structure
    ├── ChecksumMissing, ChecksumWrong                                  the check characters
    ├── FieldMissing, FieldNotAllowed                                   which fields there are
    ├── DigitsExpected, AsciiExpected, CharactersExpected,              what they hold
    │   OneOfExpected, YenExpected, AmountExpected, PercentExpected
    └── JpqrMissing, JpqrLevelWrong                                     what JPQR asks for besides

`tag` is the field's number (26-01: field 01 within 26), `position` the character of the code at which it begins,
counted from 1; `name` is a msgid that pages translate.
"""

from __future__ import annotations

from kernel.refusals import Invalid


class CodeProblem(Invalid):
    """Something is wrong with a code."""

    slug = "static-code"
    advice = "This code cannot be used. Scan it again, or ask its issuer for a correct one."


class NothingToRead(CodeProblem):
    """There is no text."""

    slug = "static-code-empty"
    advice = "Nothing was read. Put the cursor into the field and scan the code again."


class CodeTooLong(CodeProblem):
    """More characters than the standard allows."""

    slug = "static-code-too-long"
    advice = "{count} characters were read; a code has {most} at most. Empty the field and scan one code once."


class WideCharacters(CodeProblem):
    """The reader typed while Japanese input was on."""

    slug = "static-code-wide-characters"
    advice = "The digits came in full width. Switch Japanese input off (半角英数), empty the field and scan again."


class NotAPaymentCode(CodeProblem):
    """The text does not begin as such a code does."""

    slug = "static-code-of-another-kind"
    advice = (
        "This is no JPQR code: such a code begins with 000201. A code of a single payment company, or another QR code, "
        "cannot be checked here."
    )


class FieldUnreadable(CodeProblem):
    """No field begins where one should."""

    slug = "static-code-field-unreadable"
    advice = (
        "At character {position} (in field {within}) a field should begin with four digits, and “{found}” was read. "
        "Scan the whole code again; if it stays so, ask its issuer for a correct one."
    )


class FieldCutShort(CodeProblem):
    """A field announces more characters than there are."""

    slug = "static-code-field-cut-short"
    advice = (
        "Field {tag} at character {position} announces {length} characters, and {left} follow. "
        "Scan the whole code again; if it stays so, ask its issuer for a correct one."
    )


class FieldEmpty(CodeProblem):
    """A field holds nothing."""

    slug = "static-code-field-empty"
    advice = "Field {tag} at character {position} is empty. Ask the code's issuer for a correct one."


class FieldTwice(CodeProblem):
    """A field is there twice."""

    slug = "static-code-field-twice"
    advice = "Field {tag} is there a second time at character {position}. Ask the code's issuer for a correct one."


class ChecksumMissing(CodeProblem):
    """The code does not end with its check characters."""

    slug = "static-code-check-missing"
    advice = "The code does not end with 6304 and four check characters. Scan the whole code again."


class ChecksumWrong(CodeProblem):
    """The check characters do not belong to the text."""

    slug = "static-code-check-wrong"
    advice = (
        "The check characters at character {position} are “{found}”; for this text they would be {expected}. Something "
        "was misread or changed: scan again. If it stays so, take the code off the counter and tell accounting."
    )


class FieldMissing(CodeProblem):
    """A field that must be there is not."""

    slug = "static-code-field-missing"
    advice = "Field {tag} ({name}) is missing. Ask the code's issuer for a correct one."


class FieldNotAllowed(CodeProblem):
    """A field is there that must not be."""

    slug = "static-code-field-not-allowed"
    advice = "Field {tag} ({name}) at character {position} must not be there. Ask the code's issuer for a correct one."


class DigitsExpected(CodeProblem):
    """A field holds something else than so many digits."""

    slug = "static-code-digits"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold {most} digits, and holds “{found}”. "
        "Ask the code's issuer for a correct one."
    )


class AsciiExpected(CodeProblem):
    """A field holds too much, or characters that it cannot."""

    slug = "static-code-ascii"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold {least} to {most} letters, digits and signs "
        "in half width, and holds “{found}”. Ask the code's issuer for a correct one."
    )


class CharactersExpected(CodeProblem):
    """A field holds too much, or something that is no character."""

    slug = "static-code-characters"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold {least} to {most} characters that can be read, "
        "and holds “{found}”. Ask the code's issuer for a correct one."
    )


class OneOfExpected(CodeProblem):
    """A field holds none of the values that it may."""

    slug = "static-code-one-of"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold {choices}, and holds “{found}”. "
        "Ask the code's issuer for a correct one."
    )


class YenExpected(CodeProblem):
    """An amount is no whole number of yen."""

    slug = "static-code-yen"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold whole yen: digits, more than 0, no zero in front, "
        "no point; it holds “{found}”. Ask the code's issuer for a correct one."
    )


class AmountExpected(CodeProblem):
    """An amount in another currency cannot be read."""

    slug = "static-code-amount"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold an amount such as 23.72, and holds “{found}”. "
        "Ask the code's issuer for a correct one."
    )


class PercentExpected(CodeProblem):
    """A percentage cannot be read."""

    slug = "static-code-percent"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold a percentage between 00.01 and 99.99, "
        "and holds “{found}”. Ask the code's issuer for a correct one."
    )


class JpqrMissing(CodeProblem):
    """A code of this standard, but not of JPQR."""

    slug = "static-code-no-jpqr"
    advice = (
        "This is no JPQR code: no field 26 begins with jp.or.paymentsjapan. Payments with it would not reach the "
        "facility; use the code that the JPQR association issued."
    )


class JpqrLevelWrong(CodeProblem):
    """A part of JPQR's number has the wrong length."""

    slug = "static-code-jpqr-number"
    advice = (
        "Field {tag} ({name}) at character {position} has to hold {most} letters or digits, and holds “{found}”. "
        "Ask the code's issuer for a correct one."
    )
