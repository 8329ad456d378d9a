"""What a setting must look like, in words: a pattern tells a person nothing."""

from __future__ import annotations

from typing import Final

WANTED: Final = {
    r"^\+?[0-9]{3,20}$": "must be a phone number: 3 to 20 digits without spaces or dashes, such as +911140000001",
    r"^\+[0-9]{5,15}$": "must be a phone number in full: + and 5 to 15 digits without spaces, such as +911140000001",
    r"^\+[1-9][0-9]{6,14}$": "must be a phone number in full: + and 7 to 15 digits without spaces, such as +911140000001",
    r"^\+[0-9]{1,15}$": "must be a phone number or its beginning: + and 1 to 15 digits without spaces, such as +9111",
    r"^(sip:[^\s<>]{3,200}|\+[0-9]{5,15})$": "must be a phone number in full, such as +911140000001, or a sip: address",
    r"^[a-z0-9][a-z0-9-]{0,31}$": "must be 1 to 32 small letters a-z, digits and dashes, and not begin with a dash",
    r"^[A-Za-z0-9_-]{1,40}$": "must be 1 to 40 letters a-z, digits, dashes and underscores",
    r"^[A-Za-z0-9+._@-]{1,64}$": "must be 1 to 64 letters a-z, digits and the signs + . _ @ -",
    r"^[a-z]{2,3}$": "must be a language's code of two or three small letters, such as hi",
    r"^[a-z]{2}$": "must be a language's code of two small letters, such as hi",
    r"^[A-Z]{2}$": "must be a country's code of two capital letters, such as IN",
    r"^([0-9]|[A-Za-z0-9-]{2,20})$": "must be one digit, or 2 to 20 letters a-z, digits and dashes",
    r"^[A-Za-z0-9.:-]{1,253}$": "must be a host's name or address",
    r"^[0-9A-Fa-f.:]{2,45}(/[0-9.]{1,15})?$": "must be an address or a network, such as 203.0.113.0/24",
    r"^/[A-Za-z0-9._/+-]{1,200}$": "must be a path that begins with / and has only letters a-z, digits and the signs . _ / + -",
    r"^ed25519:[A-Za-z0-9+/]{43}=$": "must be a public key as `dialer mqtt key` prints it: ed25519: and 44 letters and signs",
    r"^[0-9]{1,10}$": "must be 1 to 10 digits",
    r"^[*0-9]{1,6}$": "must be 1 to 6 digits and stars, as a telephone has them",
    r"^[A-Za-z0-9/_.-]{1,200}$": "must be a path of 1 to 200 letters a-z, digits and the signs / _ . -",
    r"^[a-z_][a-z0-9_-]{0,31}$": "must be the name of a user of this machine",
    r"^(AC[0-9a-f]{32})?$": "must be Twilio's account SID: AC and 32 digits or letters a-f",
    r"^(https?://[^\s?#]{1,200}[^\s?#/])?$": "must be an address such as https://dialler.example.org, without / at its end",
    r"^https?://[^\s?#]{1,200}[^\s?#/]$": "must be an address such as https://sounds.example.org, without / at its end",
    r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*$": "must be a prompt's name such as common/hold, in small letters",
}
"""By the pattern that the settings are held to."""
