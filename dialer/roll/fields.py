"""The fields of a voter on an electoral roll, and the column headings that exports use for them in several languages."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Field(StrEnum):
    """A field of a voter or polling booth that an electoral roll may contain.

    The value of a member, such as `part_number`, is the name of the field in map files (`--map`), which say what each
    column contains.
    """

    ROLL_VERSION = "roll_version"
    STATE_CODE = "state_code"
    CONSTITUENCY_NUMBER = "constituency_number"
    CONSTITUENCY_NAME = "constituency_name"
    PART_NUMBER = "part_number"
    PART_NAME = "part_name"
    PART_NAME_LOCAL = "part_name_local"
    CLOSES_AT = "closes_at"
    SECTION = "section"
    SERIAL = "serial"
    HOUSE = "house"
    NAME = "name"
    LAST_NAME = "last_name"
    NAME_LOCAL = "name_local"
    LAST_NAME_LOCAL = "last_name_local"
    RELATION = "relation"
    RELATION_NAME = "relation_name"
    RELATION_LAST_NAME = "relation_last_name"
    SEX = "sex"
    AGE = "age"
    EPIC = "epic"
    LANGUAGE = "language"
    MOBILE = "mobile"


REQUIRED = (Field.CONSTITUENCY_NUMBER, Field.PART_NUMBER, Field.SERIAL)
"""The required fields, which identify a voter within a state and roll version."""
PLACE = (Field.ROLL_VERSION, Field.STATE_CODE, *REQUIRED)
"""The fields that identify a voter in any copy of the roll."""

# In order of preference: if two columns match a field, the one whose heading comes first here is read.
# V1 marks the vernacular version of a column in exports of the Election Commission's software.
_HEADINGS: dict[Field, str] = {
    Field.ROLL_VERSION: "roll_version, rollyear, roll, revision, qualifying date",
    Field.STATE_CODE: "st_code, state_code, statecode, state, st, राज्य कोड, राज्य",
    Field.CONSTITUENCY_NUMBER: """ac_no, ac number, assembly constituency no, assembly constituency number, assembly no,
        constituency no, constituency number, acno, ac, app, vidhansabha no, विधानसभा संख्या, विधानसभा क्रमांक,
        विधानसभा क्र, विधान सभा क्षेत्र संख्या, বিধানসভা নং, சட்டமன்ற தொகுதி எண், నియోజకవర్గం సంఖ్య, ವಿಧಾನಸಭಾ ಕ್ಷೇತ್ರ ಸಂಖ್ಯೆ""",
    Field.CONSTITUENCY_NAME: """ac_name_en, ac_name, assembly constituency name, assembly constituency, constituency name,
        constituency, assembly name, ac_name_v1, विधानसभा का नाम, विधानसभा""",
    Field.PART_NUMBER: """part_no, part number, part, booth no, booth number, booth, booth id, ps no, polling station no,
        polling station number, bhag sankhya, bhag, भाग संख्या, भाग क्रमांक, भाग क्र, भाग, बूथ संख्या, बूथ क्रमांक, बूथ नंबर, बूथ,
        यादी भाग क्रमांक, অংশ নং, পার্ট নং, পাৰ্ট নং, বুথ নং, பாகம் எண், பாக எண், భాగం సంఖ్య, పార్ట్ నెం, పోలింగ్ బూత్ సంఖ్య, ભાગ નંબર, ભાગ ક્રમાંક,
        ಭಾಗ ಸಂಖ್ಯೆ, ಭಾಗದ ಸಂಖ್ಯೆ, ഭാഗം നമ്പർ, ഭാഗം നം, ਭਾਗ ਨੰਬਰ, ਬੂਥ ਨੰਬਰ, ଭାଗ ସଂଖ୍ୟା, ଭାଗ ନଂ, حصہ نمبر, بوتھ نمبر""",
    Field.PART_NAME: """part_name_en, part_name, booth name, polling station name, polling station, ps name, booth address,
        polling booth name""",
    Field.PART_NAME_LOCAL: """part_name_v1, booth name local, ps name v1, भाग का नाम, बूथ का नाम, मतदान केंद्र, मतदान केन्द्र,
        मतदान केंद्राचे नाव, ভোট কেন্দ্র, வாக்குச்சாவடி, పోలింగ్ కేంద్రం, મતદાન મથક, ಮತಗಟ್ಟೆ, പോളിംഗ് സ്റ്റേഷൻ, ਪੋਲਿੰਗ ਸਟੇਸ਼ਨ, ମତଦାନ କେନ୍ଦ୍ର, پولنگ اسٹیشن""",
    Field.CLOSES_AT: "closes_at, poll closes, poll closes at, closing time, poll end time",
    Field.SECTION: "section_no, section number, section, section name, section_name_en, अनुभाग संख्या, अनुभाग",
    Field.SERIAL: """slnoinpart, sl no in part, serial no in part, serial number in part, part serial no, serial no,
        serial number, serial, slno, sl no, sl number, sr no, sno, s no, voter serial no, voter slno, क्रम संख्या, क्रमांक, अनुक्रमांक,
        अनु क्रमांक, अ क्र, क्र सं, क्र, ক্রমিক নং, ক্ৰমিক নং, வரிசை எண், క్రమ సంఖ్య, ક્રમ નંબર, ક્રમાંક, ಕ್ರಮ ಸಂಖ್ಯೆ, ക്രമ നമ്പർ,
        ਲੜੀ ਨੰਬਰ, କ୍ରମିକ ସଂଖ୍ୟା, سلسلہ نمبر""",
    Field.HOUSE: """c_house_no, house_no, house number, house, door no, flat no, c_house_no_v1, house no v1, मकान संख्या, मकान नंबर,
        मकान नं, गृह संख्या, घर क्रमांक, বাড়ি নং, ঘৰ নং, வீட்டு எண், ఇంటి నెంబరు, ఇంటి సంఖ్య, ઘર નંબર, ಮನೆ ಸಂಖ್ಯೆ, വീട്ടു നമ്പർ, ਮਕਾਨ ਨੰਬਰ,
        ଘର ନଂ, مکان نمبر""",
    Field.NAME: """fm_name_en, name_en, fm_name, first name, fname, elector name, electors name, voter name, voters name,
        voter_name_en, full name, name, name of elector, name english""",
    Field.LAST_NAME: "lastname_en, last_name_en, last name, lastname, surname, lname",
    Field.NAME_LOCAL: """fm_name_v1, name_v1, voter_name_v1, name local, name hindi, name in hindi, name hi, name vernacular,
        name regional,
        नाम, मतदाता का नाम, मतदाता नाम, निर्वाचक का नाम, नाव, मतदाराचे नाव, নাম, ভোটারের নাম, பெயர், வாக்காளர் பெயர், పేరు, ఓటరు పేరు,
        નામ, મતદારનું નામ, ಹೆಸರು, ಮತದಾರರ ಹೆಸರು, പേര്, വോട്ടറുടെ പേര്, ਨਾਮ, ਵੋਟਰ ਦਾ ਨਾਮ, ନାମ, ଭୋଟରଙ୍କ ନାମ, نام, ووٹر کا نام""",
    Field.LAST_NAME_LOCAL: "lastname_v1, last_name_v1, surname v1, उपनाम, आडनाव, कुलनाम",
    Field.RELATION: """rln_type, relation type, relation, rel type, rlntype, relationship, संबंध, सम्बन्ध, संबंध का प्रकार, नाते""",
    Field.RELATION_NAME: """rln_fm_nm_en, rln_name_en, relation name, relative name, relatives name, rln name, father name,
        fathers name, father husband name, husband name, f h name, guardian name, rln_fm_nm_v1, rln_name_v1, पिता का नाम,
        पिता पति का नाम, पति का नाम, संबंधी का नाम, वडिलांचे नाव""",
    Field.RELATION_LAST_NAME: "rln_l_nm_en, rln_lastname_en, relation last name, rln_l_nm_v1",
    Field.SEX: """sex, gender, लिंग, লিঙ্গ, பாலினம், లింగం, લિંગ, ಲಿಂಗ, ലിംഗം, ਲਿੰਗ, ଲିଙ୍ଗ, جنس""",
    Field.AGE: "age, age years, आयु, उम्र, वय, বয়স, বয়স, বয়স, வயது, వయస్సు, ઉંમર, ವಯಸ್ಸು, വയസ്സ്, പ്രായം, ਉਮਰ, ବୟସ, عمر",
    Field.EPIC: """idcard_no, epic_no, epic number, epic, voter id, voter id no, voter id number, voterid, id card no, card no,
        voter card no, पहचान पत्र संख्या, मतदाता पहचान पत्र, एपिक, ईपिक, ओळखपत्र क्रमांक""",
    Field.LANGUAGE: "language, lang, voter language, mother tongue, भाषा",
    Field.MOBILE: """mobile, mobile_no, mobile number, mob, mob no, phone, phone no, phone number, contact, contact no,
        contact number, cell, cell no, telephone, telephone no, tel, tel no, whatsapp, whatsapp no, whatsapp number, alt mobile,
        alternate mobile, alternate mobile no, alternate no, other mobile, landline, mobile phone, phone mobile, मोबाइल, मोबाइल नंबर,
        मोबाइल नं, मोबाइल संख्या, मोबाईल, मोबाईल नंबर, मोबाईल क्रमांक, फोन, फ़ोन, फोन नंबर, फ़ोन नंबर, दूरभाष, संपर्क, দূরভাষ, মোবাইল, মোবাইল নং,
        মোবাইল নম্বর, ফোন নম্বর, ফোন নং, ম'বাইল নং, மொபைல், கைபேசி எண், கைபேசி, தொலைபேசி எண், மொபைல் எண், మొబైల్, మొబైల్ నంబర్, ఫోన్ నంబర్,
        మొబైల్ నెంబర్, મોબાઈલ, મોબાઇલ, મોબાઈલ નંબર, મોબાઇલ નંબર, ફોન નંબર, ಮೊಬೈಲ್, ಮೊಬೈಲ್ ಸಂಖ್ಯೆ, ದೂರವಾಣಿ ಸಂಖ್ಯೆ, മൊബൈൽ, മൊബൈൽ നമ്പർ,
        ഫോൺ നമ്പർ, ਮੋਬਾਈਲ, ਮੋਬਾਈਲ ਨੰਬਰ, ਫ਼ੋਨ ਨੰਬਰ, ମୋବାଇଲ, ମୋବାଇଲ ନମ୍ବର, ଫୋନ ନମ୍ବର, موبائل, موبائل نمبر, فون نمبر""",
}

# Caste, religion, Aadhaar number and choice of vote must never be stored.
_SENSITIVE = re.compile(
    r"caste|religio|^dharm|^jaa?ti|aadh?aar|adhaar|aadhar|adhar|^uid|uidno|uidai|^community|^minority|^scst|"
    r"^votedfor|^votefor|^votechoice|^partyvoted|^partysupport|"
    r"जाति$|^जात|जातीय|धर्म|आधार|জাতি|ধর্ম|আধার|சாதி|மதம்|ஆதார்|కులం|మతం|ఆధార్|જ્ઞાતિ|ધર્મ|આધાર|ಜಾತಿ|ಧರ್ಮ|ಆಧಾರ್|ജാതി|മതം|ആധാർ|"
    r"ਜਾਤ|ਧਰਮ|ਆਧਾਰ|ଜାତି|ଧର୍ମ|ଆଧାର|ذات|مذہب|آدھار"
)
_NOISE = re.compile(r"[\s_\-./:()\[\]#*'\"`’&]+")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")


def normalize_heading(heading: str) -> str:
    """Return a heading in lower case without spaces and punctuation, so that "Part No." equals "PART_NO"."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", heading)).casefold()
    return _NOISE.sub("", unicodedata.normalize("NFC", text))


HEADINGS: dict[str, tuple[Field, int]] = {
    normalize_heading(heading): (field, rank)
    for field, headings in reversed(_HEADINGS.items())
    for rank, heading in enumerate(headings.split(","))
}
"""(field, rank) by normalized heading; if several columns match a field, the one with the lowest rank is read."""


def find_field_of_heading(heading: str) -> tuple[Field, int] | None:
    """Return the field of a voter that a column with this heading contains, and the heading's rank (0 = the most common
    heading).

    None = the heading is unknown. Headings of phone columns may be numbered, such as MOBILE2.
    """
    squeezed = normalize_heading(heading)
    if (found := HEADINGS.get(squeezed)) is not None:
        return found
    uncounted = HEADINGS.get(squeezed.rstrip("0123456789"))
    return uncounted if uncounted is not None and uncounted[0] is Field.MOBILE else None


def is_sensitive_column(heading: str) -> bool:
    """Return whether a column contains data that must not be stored: caste, religion, Aadhaar number, vote."""
    return _SENSITIVE.search(normalize_heading(heading)) is not None
