"""Words for the gender of a speaker, in the languages in which tables of corpora are written."""

from collections import Counter
from collections.abc import Iterable

GENDERS = {
    **dict.fromkeys(
        (
            *("f", "female", "females", "fem", "feminine", "woman", "women", "girl", "lady", "w"),
            *("weiblich", "frau", "weibl", "femme", "féminin", "feminin", "fille", "donna", "femmina", "femminile"),
            *("mujer", "femenino", "femenina", "hembra", "mulher", "feminino", "feminina", "vrouw", "vrouwelijk"),
            *("kvinna", "kvinde", "kvinne", "kvinnlig", "kvindelig", "nainen", "kobieta", "žena", "kadın"),
            *("женщина", "женский", "жен", "ж", "γυναίκα", "女", "女性", "여", "여성", "여자", "زن", "أنثى"),
        ),
        "female",
    ),
    **dict.fromkeys(
        (
            *("m", "male", "males", "masc", "masculine", "man", "men", "boy", "gentleman"),
            *("männlich", "maennlich", "mann", "männl", "homme", "masculin", "garçon", "uomo", "maschio", "maschile"),
            *("hombre", "masculino", "varón", "varon", "homem", "mannelijk", "mand", "manlig", "mandlig", "mies"),
            *(
                "mężczyzna",
                "muž",
                "erkek",
                "мужчина",
                "мужской",
                "муж",
                "м",
                "άνδρας",
                "男",
                "男性",
                "남",
                "남성",
                "남자",
            ),
            *("مرد", "ذكر"),
        ),
        "male",
    ),
}
"""Gender by its word in lower case; "w" is German."""


def unknown_genders(genders: Iterable[str | None]) -> list[str]:
    """Return a remark for genders that are neither female nor male, which are kept as they are.

    >>> unknown_genders(["female", "diverse", None])
    ["expected the gender 'female' or 'male', got 'diverse' (1 clips); kept, as a group of its own"]
    """
    counts = Counter(gender for gender in genders if gender not in ("female", "male", None))
    if not counts:
        return []
    listed = ", ".join(f"{gender!r} ({count} clips)" for gender, count in sorted(counts.items()))
    return [f"expected the gender 'female' or 'male', got {listed}; kept, as a group of its own"]
