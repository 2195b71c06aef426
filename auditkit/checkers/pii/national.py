"""Check digits of national identifiers: each function says whether a value with the right shape can have been issued.

Values come with the separators that their writers use; only letters and digits count. Sources: the standard or office
that each docstring names.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from auditkit.checkers.pii.validators import luhn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def signs(value: str) -> str:
    """The letters and digits of a value, in capitals."""
    return re.sub(r"[\W_]", "", value).upper()


def _weighted(digits: str, weights: Iterable[int]) -> int:
    return sum(int(ch) * weight for ch, weight in zip(digits, weights, strict=False))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def _is_short_date(digits: str) -> bool:
    """Day, month and two digits of the year, of some century."""
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return any(_is_date(century + year, month, day) for century in (1900, 2000))


def de_tax_id(value: str) -> bool:
    """Steueridentifikationsnummer: ISO 7064 MOD 11,10; one of the first ten digits stands there two or three times."""
    digits = signs(value)
    counts = sorted(digits[:10].count(ch) for ch in set(digits[:10]))
    product = 10
    for ch in digits[:10]:
        total = (int(ch) + product) % 10 or 10
        product = 2 * total % 11
    return digits[0] != "0" and counts[-1] in (2, 3) and counts[-2] == 1 and (11 - product) % 10 == int(digits[10])


def de_social_security(value: str) -> bool:
    """Versicherungsnummer (VKVV, section 2): area, birth date, letter, serial, check digit by cross sums."""
    code = signs(value)
    digits = code[:8] + f"{ord(code[8]) - 64:02d}" + code[9:11]
    total = sum(
        sum(divmod(int(ch) * w, 10)) for ch, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    )
    return _is_short_date(code[2:8]) and total % 10 == int(code[11])


def es_nif(value: str) -> bool:
    """DNI/NIF and NIE (Ministerio del Interior): the letter is the number modulo 23."""
    code = signs(value)
    number = code[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def fr_nir(value: str) -> bool:
    """Numero de securite sociale (INSEE): 97 minus the number modulo 97; Corsica counts as 19 and 18."""
    code = signs(value)
    number = code[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(code[13:15])


_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_DIGITS, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (*_ODD_DIGITS, *_ODD_LETTERS), strict=True))


def it_fiscal_code(value: str) -> bool:
    """Codice fiscale (D.M. 23/12/1976): the last letter is a weighted sum modulo 26."""
    code = signs(value)
    total = sum(_ODD[ch] if i % 2 == 0 else int(ch, 36) - (10 if ch.isalpha() else 0) for i, ch in enumerate(code[:15]))
    return chr(65 + total % 26) == code[15]


def pl_pesel(value: str) -> bool:
    """PESEL: weights 1, 3, 7, 9; the month tells the century."""
    digits = signs(value)
    month = int(digits[2:4])
    century = {0: 1900, 2: 2000, 4: 2100, 6: 2200, 8: 1800}[month // 20 * 2]
    check = -_weighted(digits[:10], (1, 3, 7, 9) * 3) % 10
    return _is_date(century + int(digits[:2]), month % 20, int(digits[4:6])) and check == int(digits[10])


_VERHOEFF_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _dihedral(i: int, j: int) -> int:
    """The product of two elements of the dihedral group D5, turns 0-4 and flips 5-9 (Verhoeff 1969)."""
    turn = (i % 5 + (j % 5 if i < 5 else -(j % 5))) % 5
    return turn + 5 * ((i // 5) ^ (j // 5))


def in_aadhaar(value: str) -> bool:
    """Aadhaar (UIDAI): first digit 2 to 9, Verhoeff's check digit."""
    digits = signs(value)
    check = 0
    for place, ch in enumerate(reversed(digits)):
        shown = int(ch)
        for _ in range(place % 8):
            shown = _VERHOEFF_STEP[shown]
        check = _dihedral(check, shown)
    return digits[0] in "23456789" and len(set(digits)) > 1 and check == 0


def au_tfn(value: str) -> bool:
    """Tax file number (ATO): weights 1, 4, 3, 7, 5, 8, 6, 9, 10 modulo 11."""
    return _weighted(signs(value), (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def au_medicare(value: str) -> bool:
    """Medicare number (Services Australia): weights 1, 3, 7, 9 modulo 10 in the ninth digit."""
    digits = signs(value)
    return digits[0] in "23456" and _weighted(digits[:8], (1, 3, 7, 9) * 2) % 10 == int(digits[8])


def sg_nric(value: str) -> bool:
    """NRIC and FIN (ICA): weights 2, 7, 6, 5, 4, 3, 2 with an offset by the first letter, modulo 11."""
    code = signs(value)
    total = _weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}[code[0]]
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(code[0], "XWUTRQPNMLK")
    return letters[total % 11] == code[8]


def nl_bsn(value: str) -> bool:
    """Burgerservicenummer: the test of eleven, weights 9 to 2 and -1."""
    digits = signs(value)
    return int(digits) > 9_999_999 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def br_cpf(value: str) -> bool:
    """CPF (Receita Federal): two check digits modulo 11."""
    digits = signs(value)
    return len(set(digits)) > 1 and all(
        _weighted(digits[:n], range(n + 1, 1, -1)) * 10 % 11 % 10 == int(digits[n]) for n in (9, 10)
    )


def ca_sin(value: str) -> bool:
    """Social insurance number (ESDC): Luhn; 0 and 8 are not given out to people."""
    digits = signs(value)
    return digits[0] not in "08" and luhn(digits)


def fi_hetu(value: str) -> bool:
    """Henkilotunnus (DVV): date and individual number modulo 31."""
    code = re.sub(r"\s", "", value).upper()
    number = int(code[:6] + code[7:10])
    return _is_short_date(code[:6]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == code[10]


def se_personnummer(value: str) -> bool:
    """Personnummer (Skatteverket): a date, and Luhn over the last ten digits."""
    digits = signs(value)[-10:]
    return _is_short_date(digits[4:6] + digits[2:4] + digits[:2]) and luhn(digits)


def no_fodselsnummer(value: str) -> bool:
    """Fodselsnummer (Skatteetaten): two check digits modulo 11."""
    digits = signs(value)
    first = -_weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -_weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return _is_short_date(digits[:6]) and [first, second] == [int(digits[9]), int(digits[10])]


def be_nrn(value: str) -> bool:
    """Rijksregisternummer: 97 minus the number modulo 97, births from 2000 on with a 2 in front."""
    digits = signs(value)
    born = _is_short_date(digits[4:6] + digits[2:4] + digits[:2])
    return born and any(97 - int(front + digits[:9]) % 97 == int(digits[9:]) for front in ("", "2"))


def za_id(value: str) -> bool:
    """South African ID (Department of Home Affairs): a date, citizenship 0 to 2, Luhn."""
    digits = signs(value)
    return _is_short_date(digits[4:6] + digits[2:4] + digits[:2]) and digits[10] in "012" and luhn(digits)


def tr_tckn(value: str) -> bool:
    """T.C. kimlik no: two check digits modulo 10."""
    digits = [int(ch) for ch in signs(value)]
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def cn_rid(value: str) -> bool:
    """Resident identity number (GB 11643-1999): a date, ISO 7064 MOD 11-2."""
    code = signs(value)
    check = sum(int(ch) * pow(2, 17 - i, 11) for i, ch in enumerate(code[:17])) % 11
    return _is_date(int(code[6:10]), int(code[10:12]), int(code[12:14])) and "10X98765432"[check] == code[17]


def ch_ahv(value: str) -> bool:
    """AHV number (BSV): 756 and the check digit of EAN-13."""
    digits = signs(value)
    return -_weighted(digits[:12], (1, 3) * 6) % 10 == int(digits[12])


def ro_cnp(value: str) -> bool:
    """Cod numeric personal: a date, weights 2 7 9 1 4 6 3 5 8 2 7 9 modulo 11."""
    digits = signs(value)
    check = _weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return _is_short_date(digits[5:7] + digits[3:5] + digits[1:3]) and (1 if check == 10 else check) == int(digits[12])


CHECKS: dict[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        *(de_tax_id, de_social_security, es_nif, fr_nir, it_fiscal_code, pl_pesel, in_aadhaar, au_tfn, au_medicare),
        *(sg_nric, nl_bsn, br_cpf, ca_sin, fi_hetu, se_personnummer, no_fodselsnummer, be_nrn, za_id, tr_tckn, cn_rid),
        *(ch_ahv, ro_cnp),
    )
}
"""Name, as in `validator` of rules/packs/national.toml, to check."""
