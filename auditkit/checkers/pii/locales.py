"""What a language or country adds: Presidio's recognisers, regions of phone numbers. English is always there."""

from __future__ import annotations

from typing import NamedTuple


class Locale(NamedTuple):
    """Region of phone numbers, and recogniser classes that Presidio's default registry leaves out with their entity."""

    region: str
    recognizers: dict[str, str]


ENGLISH_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
"""Presidio's default regions of phone numbers."""

LOCALES = {
    "de": Locale(
        "DE",
        {
            "DeBsnrRecognizer": "DE_BSNR",
            "DeFuehrerscheinRecognizer": "DE_FUEHRERSCHEIN",
            "DeHandelsregisterRecognizer": "DE_HANDELSREGISTER",
            "DeHealthInsuranceRecognizer": "DE_HEALTH_INSURANCE",
            "DeIdCardRecognizer": "DE_ID_CARD",
            "DeKfzRecognizer": "DE_KFZ",
            "DeLanrRecognizer": "DE_LANR",
            "DePassportRecognizer": "DE_PASSPORT",
            "DePlzRecognizer": "DE_PLZ",
            "DeSocialSecurityRecognizer": "DE_SOCIAL_SECURITY",
            "DeTaxIdRecognizer": "DE_TAX_ID",
            "DeTaxNumberRecognizer": "DE_TAX_NUMBER",
            "DeVatIdRecognizer": "DE_VAT_ID",
        },
    ),
    "es": Locale(
        "ES",
        {
            "EsNifRecognizer": "ES_NIF",
            "EsNieRecognizer": "ES_NIE",
            "EsPassportRecognizer": "ES_PASSPORT",
        },
    ),
    "fr": Locale("FR", {}),
    "it": Locale(
        "IT",
        {
            "ItDriverLicenseRecognizer": "IT_DRIVER_LICENSE",
            "ItFiscalCodeRecognizer": "IT_FISCAL_CODE",
            "ItVatCodeRecognizer": "IT_VAT_CODE",
            "ItIdentityCardRecognizer": "IT_IDENTITY_CARD",
            "ItPassportRecognizer": "IT_PASSPORT",
        },
    ),
    "pl": Locale(
        "PL",
        {
            "PlPeselRecognizer": "PL_PESEL",
        },
    ),
    "in": Locale(
        "IN",
        {
            "InPanRecognizer": "IN_PAN",
            "InAadhaarRecognizer": "IN_AADHAAR",
            "InVehicleRegistrationRecognizer": "IN_VEHICLE_REGISTRATION",
            "InPassportRecognizer": "IN_PASSPORT",
            "InVoterRecognizer": "IN_VOTER",
            "InGstinRecognizer": "IN_GSTIN",
        },
    ),
    "uk": Locale(
        "GB",
        {
            "UkNinoRecognizer": "UK_NINO",
            "UkPassportRecognizer": "UK_PASSPORT",
            "UkPostcodeRecognizer": "UK_POSTCODE",
            "UkVehicleRegistrationRecognizer": "UK_VEHICLE_REGISTRATION",
            "UkDrivingLicenceRecognizer": "UK_DRIVING_LICENCE",
        },
    ),
    "au": Locale(
        "AU",
        {
            "AuAbnRecognizer": "AU_ABN",
            "AuAcnRecognizer": "AU_ACN",
            "AuTfnRecognizer": "AU_TFN",
            "AuMedicareRecognizer": "AU_MEDICARE",
        },
    ),
    "sg": Locale(
        "SG",
        {
            "SgFinRecognizer": "SG_NRIC_FIN",
            "SgUenRecognizer": "SG_UEN",
        },
    ),
}
"""presidio-analyzer 2.2.366, predefined_recognizers.country_specific; French identifiers it has none."""

LANGUAGES = ("en", *LOCALES)


def phone_regions(languages: tuple[str, ...]) -> tuple[str, ...]:
    """Presidio's eight regions and those of the languages."""
    return tuple(dict.fromkeys((*ENGLISH_REGIONS, *(LOCALES[one].region for one in languages if one in LOCALES))))


def added(languages: tuple[str, ...]) -> dict[str, str]:
    """The recogniser classes that these languages add, with their entities."""
    return {name: entity for one in languages if one in LOCALES for name, entity in LOCALES[one].recognizers.items()}
