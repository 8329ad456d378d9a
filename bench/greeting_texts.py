"""What people and machines say when they answer a call, in six languages: the texts of `bench.greeting_clips`.

Each table has the texts of the tuning half first and those of the held-out half second, so that no text is in both. One
of the alternatives in braces is spoken: "{Hi|Hello}, Anna here."
"""

from __future__ import annotations

from typing import Final

Texts = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""Texts by language: of the tuning half, of the held-out half."""

HELLOS: Final[Texts] = {
    "en": (("Hello?", "Yes?", "Hi, who is this?"), ("Hello, yes?", "Hi there.", "Yes, speaking.")),
    "hi": (("हैलो?", "हाँ जी?", "हैलो, कौन बोल रहा है?"), ("हैलो जी?", "हाँ, बोलिए।", "जी, कौन?")),
    "bn": (("হ্যালো?", "হ্যাঁ, কে?", "হ্যালো, কে বলছেন?"), ("হ্যালো, হ্যাঁ?", "হ্যাঁ, বলুন।", "কে বলছেন?")),
    "ta": (("ஹலோ?", "யார்?", "ஹலோ, யார் பேசறது?"), ("ஹலோ, சொல்லுங்க.", "ஆமா?", "வணக்கம், யாருங்க?")),
    "fr": (("Allô ?", "Oui ?", "Oui, qui est à l'appareil ?"), ("Oui, allô ?", "Bonjour.", "Allô, c'est qui ?")),
    "es": (("¿Diga?", "¿Sí?", "Hola, ¿quién habla?"), ("¿Hola?", "Sí, dígame.", "¿Quién es?")),
}

NAMES: Final[Texts] = {
    "en": (
        (
            "{Peter Smith|Susan|Doctor Brown} speaking{|, hello}.",
            "{Yes, this|This} is {the Miller residence|Tom}, {hello|yes}?",
        ),
        ("{Good evening|Hello}, {Anna|William Parker} here.", "{Yes,|Hello,} you are speaking to {Robert|Mrs Jones}."),
    ),
    "hi": (("नमस्ते, मैं {राजेश|कविता} बोल {रहा|रही} हूँ।",), ("{जी|हाँ जी}, {शर्मा|वर्मा} निवास, कहिए।",)),
    "fr": (("Bonjour, {Jean Martin|Julie} à l'appareil.",), ("Oui bonjour, ici {madame Durand|Philippe}.",)),
    "es": (("{Buenos días|Hola}, habla {Carlos|Ana}.",), ("Sí, {buenas tardes|dígame}, soy {Lucía|Manuel}.",)),
}

COMPANIES: Final[Texts] = {
    "en": (
        (
            "{Good morning|Hello}, {Lakeside Dental Practice|Harbour Hotel}, {this is Maria|Maria} speaking, how may I help you?",
            "Thank you for calling {Baker and Sons|Riverside Plumbing}, {Tom speaking|my name is Tom}{, what can I do for you?|.}",
            "{Hello|Good day}, {city library|police station}{|, front desk}.",
        ),
        (
            "Good {afternoon|evening}, {you have reached|this is} Green Valley Motors, {my name is James, |}how can I help?",
            "{Hello and welcome to|Welcome to} Northside Pharmacy, Anna on the line{, how may I help you today?|.}",
            "{Hotel Continental|Saint Mary's School}, {reception|the office}, good day.",
        ),
    ),
    "hi": (
        ("नमस्कार, {शर्मा इलेक्ट्रॉनिक्स|भारत बैंक}, {मैं प्रिया बोल रही हूँ, |}आपकी क्या सहायता कर सकती हूँ?",),
        ("नमस्ते, {गुप्ता मेडिकल स्टोर|सिटी अस्पताल} में आपका स्वागत है{, बताइए क्या चाहिए?|।}",),
    ),
    "fr": (
        ("{Cabinet du docteur Bernard|Mairie de Lyon}, bonjour{, que puis-je faire pour vous ?|.}",),
        ("{Garage Lefèvre et fils|Pharmacie du centre}, bonjour, {Sophie à votre service, |}je vous écoute.",),
    ),
    "es": (
        ("{Clínica San José|Hotel Sol}, buenos días, {le atiende Marta, |}¿en qué puedo ayudarle?",),
        ("{Talleres Romero|Farmacia Central}, buenas tardes{, habla Pedro|}, ¿qué desea usted?",),
    ),
}

PERSONAL_MACHINES: Final[Texts] = {
    "en": (
        (
            "{Hi|Hello}, this is {Alice|Mark}. I {can't come to the phone|am not here} right now. {Please leave|Leave} a message "
            "{after the beep|and I will call you back}.",
            "You've reached {the Johnsons|four four one two}. {Nobody is home.|We are out.} Leave your {name and number|name} "
            "{and we will call you back.|after the beep. Thank you!}",
            "{Hello. This is Mark.|Hi. Nina here.} Leave me a message.",
            "Hey, sorry I missed you. I am probably {driving|at work}, so say who you are and why you called, and I "
            "will get back to you as soon as I can. {If it is urgent, please send me a text message instead. |}Thanks!",
        ),
        (
            "Hello, you have reached {Daniel|Margaret Hill}. I am {away until Monday|travelling}. Please speak after the tone.",
            "This is {Karen's phone|Steven's phone}. I am {not available|busy} at the moment, {but|so} leave a message and I'll "
            "ring you {later|back}.",
            "{Hi. It's Ben.|Yes, it's Laura's machine.} Talk after the beep.",
            "Thanks for calling. You have reached the voice mail of Emma Clark. I am either on the other line or away "
            "from my desk. Please leave your name{, your number|} and a short message{, and have a wonderful day|}.",
        ),
    ),
    "hi": (
        ("नमस्ते, मैं {अमित|रेखा} हूँ। अभी मैं फ़ोन नहीं उठा {सकता|सकती}। {कृपया बीप के बाद अपना संदेश छोड़ें।|बाद में बात करेंगे।}",),
        ("हैलो, यह {सुनीता|विजय} का नंबर है। मैं अभी {व्यस्त|बाहर} हूँ, आप अपना नाम और नंबर बताइए{, मैं बाद में फ़ोन करूँगी|}।",),
    ),
    "fr": (
        ("Bonjour, vous êtes bien chez {Paul|Monique}. Je ne suis pas là{ pour le moment|}. Parlez après le bip.",),
        (
            "Salut, c'est {Claire|Luc}. Je ne peux pas répondre{, alors laissez votre nom et votre numéro|}, et je rappellerai.",
        ),
    ),
    "es": (
        (
            "Hola, soy {Javier|Elena}. Ahora no puedo atenderte. Deja tu mensaje después de la señal{ y te llamo luego|}.",
        ),
        (
            "Has llamado a {la casa de los García|Miguel}. No {estamos|estoy}, pero puedes dejar un mensaje{ tras el tono|}.",
        ),
    ),
}

MAILBOXES: Final[Texts] = {
    "en": (
        (
            "The {person|party} you are calling is not available. {Please leave your message after the tone.|At the tone, "
            "please record your message.} When you have finished {recording|}, you may hang up{|, or press hash}.",
            "Your call has been {forwarded|transferred} to an automated voice message system. {Six one four, two two, nine "
            "five|The customer at this number} is not available. At the tone, please record your message.",
        ),
        (
            "Welcome to the {voice mail service|message centre}. The {subscriber|number} you have dialled cannot take your "
            "call {right now|}. Please record your message after the signal{, and press one to send it|}.",
            "{Sorry|We are sorry}, no one is available to take your call. Please {hold and|} leave a message at the beep. "
            "{Calls may be charged at the usual rate.|}",
        ),
    ),
    "hi": (
        ("आप जिस व्यक्ति को कॉल कर रहे हैं वह अभी उपलब्ध नहीं है। कृपया टोन के बाद अपना संदेश रिकॉर्ड करें।",),
        ("वॉइस मेल सेवा में आपका स्वागत है। ग्राहक आपकी कॉल नहीं ले सकते। कृपया सिग्नल के बाद अपना संदेश छोड़ दें।",),
    ),
    "bn": (
        ("আপনি যাকে ফোন করেছেন তিনি এখন উত্তর দিতে পারছেন না। অনুগ্রহ করে টোনের পরে আপনার বার্তা রেখে যান।",),
        ("ভয়েস মেইল সেবায় আপনাকে স্বাগতম। গ্রাহক এই মুহূর্তে ব্যস্ত আছেন। সংকেতের পরে আপনার কথা বলুন।",),
    ),
    "ta": (
        ("நீங்கள் அழைத்த நபர் இப்போது பதில் அளிக்க இயலவில்லை. ஒலிக்குப் பிறகு உங்கள் செய்தியைப் பதிவு செய்யவும்.",),
        ("குரல் அஞ்சல் சேவைக்கு வரவேற்கிறோம். வாடிக்கையாளர் தற்போது தொடர்பில் இல்லை. உங்கள் செய்தியை விட்டுச் செல்லவும்.",),
    ),
    "fr": (
        ("Votre correspondant n'est pas disponible. Veuillez laisser votre message après le signal sonore.",),
        ("Bienvenue sur la messagerie vocale. Cette personne ne peut pas répondre. Parlez après le bip sonore.",),
    ),
    "es": (
        ("La persona a la que llama no está disponible. Por favor, deje su mensaje después de la señal.",),
        ("Bienvenido al buzón de voz. El abonado no puede atender su llamada. Grabe su mensaje tras el tono.",),
    ),
}

ANNOUNCEMENTS: Final[Texts] = {
    "en": (
        (
            "The number you have dialled is not in service. Please check the number and dial again.",
            "The mobile phone you are calling is switched off. Please try again later.",
        ),
        (
            "We are sorry, your call cannot be completed as dialled. Please hang up and try your call again.",
            "All lines on this route are busy. Kindly call after some time.",
        ),
    ),
    "hi": (
        ("आपने जो नंबर डायल किया है वह अभी बंद है। कृपया थोड़ी देर बाद प्रयास करें।",),
        ("यह नंबर मौजूद नहीं है। कृपया नंबर की जाँच करके दोबारा डायल करें।",),
    ),
    "bn": (
        ("আপনার ডায়াল করা নম্বরটি এখন বন্ধ আছে। অনুগ্রহ করে কিছুক্ষণ পরে আবার চেষ্টা করুন।",),
        ("এই নম্বরটি ব্যবহারে নেই। দয়া করে নম্বরটি দেখে আবার ডায়াল করুন।",),
    ),
}

MENUS: Final[Texts] = {
    "en": (
        (
            "Welcome to City Bank. For your account balance, press one. For cards, press two. To hear this again, press 9.",
        ),
        ("Thank you for calling the power company. To report a fault, press one. For billing questions, press two.",),
    ),
    "hi": (
        ("गैस सेवा में आपका स्वागत है। बुकिंग के लिए एक दबाएँ। शिकायत के लिए दो दबाएँ।",),
        ("रेलवे पूछताछ में आपका स्वागत है। हिंदी के लिए एक दबाएँ। अंग्रेज़ी के लिए दो दबाएँ।",),
    ),
}

TELEVISION: Final[Texts] = {
    "en": (
        (
            "And now the weather. Rain will spread from the west this evening, with strong winds along the coast and a "
            "few thunderstorms. Tomorrow stays cloudy in the north, while the south sees some sunshine by the afternoon.",
        ),
        (
            "He takes the ball past two defenders, shoots, and what a save by the goalkeeper! There are ten minutes left "
            "in this match, and the visitors are still ahead by one goal, to the dismay of the home supporters.",
        ),
    ),
}
