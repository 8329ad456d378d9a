"""Patterns that find forbidden wordings, and sentences that acknowledge an answer, in all shipped languages.

All patterns are applied to every text, whatever its declared language. They find common wordings only: a person must
still approve the texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final


def _normalise_letters_and_spaces(text: str) -> str:
    """Return a text with composed letters, single spaces, and no zero-width joiners."""
    composed = unicodedata.normalize("NFC", text).replace("\u200c", "").replace("\u200d", "")
    return re.sub(r"\s+", " ", composed)


def _create_wording_finder(*patterns: str) -> Callable[[str], str | None]:
    """Return a function that finds the first words in a text that match one of the patterns."""
    pattern = re.compile("|".join(f"(?:{_normalise_letters_and_spaces(each)})" for each in patterns), re.IGNORECASE)

    def find_matching_words(text: str) -> str | None:
        """Return the first words of the text that match one of the patterns, or None."""
        match = pattern.search(_normalise_letters_and_spaces(text))
        return match[0] if match else None

    return find_matching_words


# Questions for whom someone votes or voted. No profile allows them on polling day (exit polls: section 126A of India's
# Representation of the People Act 1951; section 66A of the UK's Representation of the People Act 1983).
asks_choice: Final = _create_wording_finder(
    r"\b(vote|voted|voting) for (whom|which|who|what party)\b",
    r"\bwhom?\b (did|will|do|would|have|are|is) (you|they|he|she|your \w+)\b[^.?]{0,30}\b(vot|support|choos)",
    r"\bwhom\b[^.?]{0,30}\bvot",
    r"\b(which|what) (party|candidate|symbol)\b|\b(preferred|favou?rite) (party|candidate)\b|\bwhich way\b[^.?]{0,20}\bvot",
    r"\bwho\b[^.?]{0,12}\b(has|have|had|got|gets?) (you|thei|his|he)r? (vote|support)\b|\bwhom?\b[^.?]{0,20}\bto (see )?win\b",
    r"\b(will|would|did|do|are|have) (you|they|he|she) (be )?(vot(e|ed|ing) for|support(ed|ing)?|back(ed|ing)?)\b",
    r"\bcount on (you|thei|his|he)r? (vote|support)\b|\bwhom?\b[^.?]{0,10}\byour (choice|favou?rite)\b",
    r"किसे (वोट|मत)|किस ?को (वोट|मत)|किस (पार्टी|दल|उम्मीदवार|प्रत्याशी|चुनाव चिह्न|निशान)|किसके पक्ष",  # hi
    r"किन्हें (वोट|मत)|(वोट|मत) (किसे|किन्हें|किस ?को|किसके लिए)|(किसे|किस ?को) जिता|(पार्टी|दल|उम्मीदवार) का समर्थन कर(ते|ती|ेंगे)",
    r"(कोणाला|कुणाला) मत|मत (कोणाला|कुणाला)|कोणत्या (पक्ष|उमेदवार|चिन्ह)",  # mr
    r"কাকে ভোট|ভোট কাকে|ভোট কাক|কোন (দল|প্রার্থী|পার্টি|প্রতীক)|কাক ভোট|কোন(টো)? (দল|প্ৰাৰ্থী)",  # bn, as
    r"ఎవరికి ఓటు|ఓటు ఎవరికి|ఏ (పార్టీ|అభ్యర్థి|గుర్తు)",  # te
    r"யாருக்கு (வாக்க|ஓட்டு)|(வாக்கு|ஓட்டு) யாருக்கு|எந்த(க்)? கட்சி|எந்த வேட்பாளர|எந்த(ச்)? சின்ன",  # ta
    r"કોને (મત|વોટ)|(મત|વોટ) કોને|કયા (પક્ષ|ઉમેદવાર)|કઈ પાર્ટી",  # gu
    r"ಯಾರಿಗೆ (ಮತ|ವೋಟ್)|(ಮತ|ವೋಟ್) ಯಾರಿಗೆ|ಯಾವ (ಪಕ್ಷ|ಅಭ್ಯರ್ಥಿ|ಚಿಹ್ನೆ)",  # kn
    r"ആർക്ക(ാണ്)? ?(നിങ്ങൾ )?വോട്ട്|ആർക്ക് (നിങ്ങൾ )?വോട്ട്|വോട്ട് (ആർക്ക|ആര്‍ക്ക)|ഏത് (പാർട്ടി|സ്ഥാനാർത്ഥി|ചിഹ്നം)",  # ml
    r"ਕਿਸ ਨੂੰ ਵੋਟ|ਵੋਟ ਕਿਸ ਨੂੰ|ਕਿਸ (ਪਾਰਟੀ|ਉਮੀਦਵਾਰ)|ਕਿਹੜੀ ਪਾਰਟੀ",  # pa
    r"କାହାକୁ ଭୋଟ|ଭୋଟ୍? ?କାହାକୁ|କେଉଁ (ଦଳ|ପ୍ରାର୍ଥୀ|ପାର୍ଟି)",  # or
    r"(کس کو|کسے) ووٹ|ووٹ (کس کو|کسے)|کس (پارٹی|جماعت|امیدوار)",  # ur
)
"""Return the words that ask for whom someone votes, or None."""
# Requests for a vote: campaign material, allowed only in a flow that is declared as such.
asks_for_vote: Final = _create_wording_finder(
    r"\b(please )?(vote|cast your vote) for (?!(whom|which|who)\b)\w+",
    r"\bsupport (our|my|the) (candidate|party)|\b(elect|re-elect) \w+",
    r"को (वोट|मत) (दें|दीजिए|दो)|के पक्ष में मतदान|को (जिताएँ|जिताएं|विजयी)",  # hi
    r"(ला|ना|यांना) मत द्या|विजयी करा",  # mr
    r"কে ভোট দিন|জয়যুক্ত কর|ক ভোট দিয়ক|জয়ী কৰক",  # bn, as
    r"కు ఓటు వేయండి|గెలిపించండి",  # te
    r"க்கு வாக்களியுங்கள்|வெற்றி ?பெறச்",  # ta
    r"ને (મત|વોટ) આપો|વિજયી બનાવો",  # gu
    r"ರಿಗೆ ಮತ (ಹಾಕಿ|ನೀಡಿ)|ಗೆಲ್ಲಿಸಿ",  # kn
    r"ക്ക് വോട്ട് ചെയ്യുക|വിജയിപ്പിക്കുക",  # ml
    r"ਨੂੰ ਵੋਟ (ਪਾਓ|ਦਿਓ)|ਜਿਤਾਓ",  # pa
    r"ଙ୍କୁ ଭୋଟ୍? ?ଦିଅନ୍ତୁ|ବିଜୟୀ କରନ୍ତୁ",  # or
    r"کو ووٹ (دیں|دیجیے)|کامیاب بنائیں",  # ur
)
"""Return the words that ask for a vote, or None."""
# A ride to the poll: a corrupt practice in India (Representation of the People Act 1951, section 123(5)). Any word for
# a vehicle counts. A text that offers no ride can be worded differently.
offers_transport: Final = _create_wording_finder(
    r"\b(a|the|free|your|our) (ride|lift|car|cab|taxi|van|bus|auto|vehicle|rickshaw)\b|\b(ride|lift|car|cab|taxi)s\b",
    r"\b(auto|e-)?rickshaws?\b|\bvehicles?\b|\btransport(ation|ed)?\b|\b(pick|drive) you (up|to)\b|\bconvey(ance)?\b",
    r"गाड़ी|गाड़ियाँ|वाहन|सवारी|रिक्शा|परिवहन",  # hi
    r"गाडी|गाड्या|रिक्षा|वाहतूक",  # mr
    r"গাড়ি|যানবাহন|রিকশা|গাড়ী|বাহন",  # bn, as
    r"వాహన|రవాణా|రిక్షా|ఆటోలో",  # te
    r"வாகன|வண்டி|போக்குவரத்து",  # ta
    r"વાહન|ગાડી|રિક્ષા",  # gu
    r"ವಾಹನ|ಗಾಡಿ|ಸಾರಿಗೆ",  # kn
    r"വാഹന|വണ്ടി|ഗതാഗത",  # ml
    r"ਗੱਡੀ|ਵਾਹਨ|ਸਵਾਰੀ|ਰਿਕਸ਼",  # pa
    r"ଗାଡ଼ି|ଯାନବାହନ|ରିକ୍ସା|ବାହନ",  # or
    r"گاڑی|سواری|رکشہ|ٹرانسپورٹ",  # ur
)
"""Return the words that mention a ride to the polling station, or None."""
_CHOICE_NAME: Final = re.compile(r"(party|candidate|voted?_for|choice_of_vote|vote_choice|symbol|support)(_|\Z)")
# Acknowledgements that a result was recorded, which are true only after the commit.
acknowledges: Final = _create_wording_finder(
    r"\b(have|has) (been )?(noted|recorded|registered|saved)\b|\bnoted\b",
    r"दर्ज (कर|हो)|नोंद (आम्ही|झाली)|याची नोंद",  # hi, mr
    r"লিখে রেখেছি|লেখা হয়েছে|লিখি ৰাখিছোঁ|লিখা হ'ল",  # bn, as
    r"నమోదు ?(చేసుకున్నాము|అయ్యింది)|నమోదైంది",  # te
    r"பதிவு செய்துள்ளோம்|பதிவாகிவிட்டது",  # ta
    r"નોંધ (કરી|થઈ)",  # gu
    r"ದಾಖಲಿಸಿದ್ದೇವೆ|ದಾಖಲಾಗಿದೆ",  # kn
    r"രേഖപ്പെടുത്തി",  # ml
    r"ਦਰਜ (ਕਰ|ਹੋ)",  # pa
    r"ଲେଖି ରଖିଲୁ|ଲେଖାଗଲା",  # or
    r"درج (کر|ہو)",  # ur
)
"""Return the words that acknowledge that a result was recorded, or None."""

# Letters per second, without vowel signs, of the shipped texts spoken by espeak-ng at 150 words a minute. Its Assamese
# voice spells words out, so Assamese has the rate of Bengali.
_LETTERS_A_SECOND: Final = {
    "as": 5.5,
    "bn": 5.5,
    "en": 11.3,
    "gu": 5.2,
    "hi": 5.8,
    "kn": 5.7,
    "ml": 7.0,
    "mr": 5.9,
    "or": 5.1,
    "pa": 5.4,
    "ta": 6.9,
    "te": 5.0,
    "ur": 8.3,
}
_SLOWEST: Final = min(_LETTERS_A_SECOND.values())
VALUE_SECONDS: Final = 1.5
"""The assumed duration of a number, an hour or a name in a text."""


def is_answer_name_for_candidate_choice(name: str) -> bool:
    """Return whether an answer with this name would store whom a person votes for, which must never be stored."""
    return bool(_CHOICE_NAME.match(name))


def estimate_spoken_seconds(text: str, language: str) -> float:
    """Return the estimated duration of a spoken text (seconds). Each placeholder counts as `VALUE_SECONDS`."""
    words, values = re.subn(r"\{[a-z0-9_]+\}", " ", text)
    letters = sum(unicodedata.category(letter) in {"Lo", "Ll", "Lu", "Nd"} for letter in words)
    return letters / _LETTERS_A_SECOND.get(language, _SLOWEST) + values * VALUE_SECONDS
