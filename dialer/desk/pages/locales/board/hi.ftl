### बोर्ड के शब्द हिन्दी में।

campaign = अभियान
centre-actions = पूरे केंद्र की कार्रवाई
seat-state = सीट की स्थिति
all-states = सीटों की सभी स्थितियाँ
spoken = एजेंट की भाषा
all-languages = सभी भाषाएँ
all-campaigns = सभी अभियान

## कौन साइन इन है, और उपयोगकर्ता

to-board = पर्यवेक्षक बोर्ड
to-account = आपका खाता
to-reports = रिपोर्ट
users = उपयोगकर्ता
user-name = उपयोगकर्ता का नाम
user-name-help = 1 से 32 छोटे अंग्रेज़ी अक्षर, अंक और डैश
role = उपयोगकर्ता की भूमिका
sign-in-by = साइन इन का तरीका
signed-in-at = पिछला साइन इन
user-fixed = उपयोगकर्ता सेटिंग फ़ाइल में तय है
user-menu = उपयोगकर्ता { $name } के लिए कार्रवाई
user-actions = उपयोगकर्ता की कार्रवाई
passkey = पासकी तय
password-none = कोई पासवर्ड तय नहीं
password-once = एक बार का पासवर्ड
password-own = उपयोगकर्ता का चुना हुआ पासवर्ड
user-add = उपयोगकर्ता जोड़ें
user-role = उपयोगकर्ता की भूमिका बदलें
user-password = नया एक बार का पासवर्ड
user-sign-out = उपयोगकर्ता को सब जगह से साइन आउट करें
user-remove = उपयोगकर्ता हटाएँ
ask-user-add = { $name } को { $role } की भूमिका के साथ साइन इन की अनुमति मिलेगी। अगली स्क्रीन पहले साइन इन का पासवर्ड दिखाएगी।
ask-user-role = { $name } को नई भूमिका तुरंत मिलेगी और उन्हें फिर से साइन इन करना होगा।
ask-user-password = { $name } का मौजूदा पासवर्ड बंद हो जाएगा और सभी सत्र समाप्त होंगे। अगली स्क्रीन एक साइन इन का पासवर्ड दिखाएगी।
ask-user-sign-out = { $name } हर उपकरण पर साइन आउट होंगे और फिर से साइन इन कर सकेंगे।
ask-user-remove = { $name } की सारी पहुँच समाप्त होगी और वे हर उपकरण पर साइन आउट होंगे।
new-password-title = { $name } के लिए एक बार का पासवर्ड
new-password-help = यह पासवर्ड केवल एक बार दिखाया जाता है। यह तीन दिन के भीतर एक साइन इन के लिए है, जिसमें नया पासवर्ड चुनना होगा। इसे आमने-सामने दें।
copy = पासवर्ड कॉपी करें
copied = पासवर्ड कॉपी हो गया।
done = यह विंडो बंद करें
signed-out-everywhere = { $name } हर उपकरण पर साइन आउट हैं।
users-help = सेटिंग में परिभाषित उपयोगकर्ता केवल वहीं बदले जा सकते हैं। उपयोगकर्ता का हर बदलाव आपके नाम से ऑडिट लॉग में दर्ज होता है।

## क्या गड़बड़ हुई

problem-alert-ended = चेतावनी पर "देख ली" दर्ज नहीं हुआ: वह समाप्त हो गई या बदल गई है।
problem-no-user = यह उपयोगकर्ता अब नहीं है। पेज फिर से लोड करें।
problem-user-in-settings = यह उपयोगकर्ता सेटिंग में परिभाषित है। पासवर्ड डायलर की मशीन पर बदलें (dialer user password)।
problem-own-account = इस सूची में आप अपना खाता नहीं बदल सकते। पासवर्ड बदलने के लिए "आपका पासवर्ड" का उपयोग करें।
problem-not-audited = पासवर्ड नहीं बना: डायलर ऑडिट लॉग में नहीं लिख सका। फिर कोशिश करें।

## स्थिति

status = संपर्क की स्थिति
status-broker = ब्रोकर
status-dialler = डायलर
status-switch = एस्टरिस्क
status-up = { $system } से संपर्क ठीक है
status-down = { $system } से संपर्क टूटा हुआ है
stale-desk = डेस्क से { $ago } से कोई अपडेट नहीं। आँकड़े पुराने हो सकते हैं। डायलिंग जारी है।
stale-broker = ब्रोकर से { $ago } से कोई अपडेट नहीं। आँकड़े पुराने हो सकते हैं। डायलिंग जारी है।
stale-dialler = डायलर ऑफ़लाइन है: उसे रोका गया या ब्रोकर से उसका संपर्क टूट गया। आँकड़े पुराने हैं।

role-viewer = दर्शक (केवल देखना)
role-listener = श्रोता (कॉल सुन सकते हैं)
role-coach = प्रशिक्षक (एजेंट को फुसफुसाकर बता सकते हैं)
role-desk = डेस्क सर्वर (प्रोग्राम)
role-booth-desk = बूथ डेस्क (मतदान केंद्रों की सूचनाएँ दर्ज करती है)
role-compliance = अनुपालन अधिकारी
role-supervisor = पर्यवेक्षक

state-running = चालू
state-paused = विराम पर
state-stopped = रुका हुआ

call-preview = पूर्वावलोकन में
call-sending = शुरू हो रही
call-dialling = डायल हो रही
call-ringing = घंटी बज रही
call-waiting = एजेंट की प्रतीक्षा में
call-connecting = एजेंट से जुड़ रही
call-talking = एजेंट से बातचीत में
call-in-flow = कॉल फ़्लो में
call-message = छूटी कॉल का संदेश सुन रही

trunk-working = ट्रंक उपयोग में
trunk-resting = ट्रंक निलंबित
trunk-probing = एक कॉल से ट्रंक की जाँच

## मुख्य आँकड़े

tile-calls = चालू कॉल
tile-seats = सक्रिय एजेंट
tile-abandoned = छूटी कॉल की दर
tile-utilisation = एजेंटों का उपयोग
tile-utilisation-help = लॉग-इन समय में कॉल और रैप-अप का हिस्सा
tile-asr = उत्तर दर (ASR)
tile-asr-help = सभी ट्रंकों की हाल की कॉल में उत्तर मिली कॉल का हिस्सा
remaining-of = कॉल सूचियों के { $numbers } नंबरों में से

window-days = पिछले { $days } दिनों
window-hours =
    { $hours ->
        [one] पिछले { $hours } घंटे
       *[other] पिछले { $hours } घंटों
    }
abandoned-window = { $window } में { $answers } लोगों ने कॉल उठाई, जिनमें से { $abandoned } कॉल छूटीं ({ $share })। छूटी कॉल की दर { $stop } होने पर डायलिंग रुकेगी।
abandoned-of-limit = { $share } (सीमा { $limit })
abandoned-limit-of = { $window } में सीमा { $limit }

## अभियान

campaigns = अभियान
to-campaigns = अभियान बनाएँ
to-flows = कॉल फ़्लो
no-campaign = अभी कोई अभियान नहीं। "अभियान बनाएँ" में एक जोड़ें।
campaign-actions = अभियान { $campaign } के लिए कार्रवाई
campaign-details = अभियान का विवरण
connected-last-hour = पिछले घंटे में जोड़ी गईं
agents-share = एजेंटों के समय का हिस्सा
remaining-numbers = शेष नंबर
share-of-intended = { $actual } (लक्ष्य { $intended })
list-completed-of = { $numbers } में से { $closed } नंबर पूरे, { $due } नंबर शेष
list-waiting = { $numbers } नंबरों पर अगली कॉल का समय अभी नहीं आया
list-refused = { $numbers } नंबरों पर कॉल नहीं: { $rule }
placed = लगाई गई कॉल
answered = उत्तर मिली कॉल
connected = एजेंट से जुड़ी कॉल
abandoned = छूटी कॉल
pacing = डायलिंग की अभी की गति
refused = कॉल के नियमों से रोकी गई कॉल
rule-number = फ़ोन नंबर अमान्य है, या उसके शुरुआती अंकों की अनुमति नहीं
rule-opted-out = नंबर ने कॉल से मना किया
rule-nothing-known = नंबर की पिछली कॉल अज्ञात
rule-do-not-call-register = नंबर कॉल-निषेध सूची में
rule-register-missing = कोई कॉल-निषेध सूची आयात नहीं
rule-register-too-old = कॉल-निषेध सूची पुरानी
rule-no-consent = कॉल की कोई सहमति दर्ज नहीं
rule-consent-withdrawn = सहमति वापस ली गई
rule-certificate = किसी वॉइस प्रॉम्प्ट का मान्य प्रमाणपत्र नहीं है
rule-caller-id = कॉलर आईडी की अनुमति नहीं
rule-poll-over = मतदान पहले ही समाप्त
rule-retention = मतदाता का डेटा रखने की अवधि पूरी
rule-silence = मतदान से ठीक पहले प्रचार पर रोक
rule-poll-unknown = मतदाता का मतदान दिवस अज्ञात
rule-close-of-poll-unknown = मतदान समाप्ति समय अज्ञात
rule-time-zone-unknown = नंबर का समय क्षेत्र अज्ञात
rule-calling-hours = कॉल के समय से बाहर
rule-campaign-hours = अभियान के कॉल समय से बाहर
rule-redial-lock = नंबर पर हाल ही में कॉल छूटी थी
rule-gap = नंबर पर अभी-अभी कॉल हुई
rule-attempts = नंबर पर आज जितनी कॉल की अनुमति है, उतनी हो चुकीं
rule-conversations = मतदाता से पहले ही बात हो चुकी

calls-now = अभी { $calls } कॉल
pacing-nobody = कोई एजेंट उपलब्ध नहीं, इसलिए कोई कॉल नहीं
pacing-agents = हर उपलब्ध एजेंट मतदाता को देखकर डायल करता है
pacing-seats = उतनी ही कॉल डायल होती हैं जितनी उपलब्ध एजेंट ले सकते हैं
pacing-cap = छूटी कॉल की दर लक्ष्य पर रखने के लिए डायलिंग सीमित
pacing-hard-stop = डायलिंग रुकी है, क्योंकि एक और छूटी कॉल से छूटी कॉल की दर सीमा पार कर देगी
pacing-reserve = डायलिंग सीमित, ताकि चल रही हर कॉल छूटने पर भी छूटी कॉल की दर सीमा में रहे
pacing-speed = डायलिंग पर्यवेक्षक की आज की कॉल सीमा से सीमित
pacing-channels = डायलिंग रुकी है, क्योंकि ट्रंकों के सभी चैनल उपयोग में हैं
pacing-cps = डायलिंग सीमित, क्योंकि ट्रंक प्रति सेकंड इससे अधिक कॉल नहीं लेता
pacing-slow-carrier = डायलिंग सीमित, क्योंकि कैरियर मतदाताओं के फ़ोन पर देर से घंटी बजाता है
pacing-in-flight = डायलिंग रुकी है, क्योंकि एक साथ चल रही कॉल की सीमा पूरी हो गई है

why = डायल क्यों नहीं हो रहा?
why-dialling = { $calls } कॉल लग रही हैं या घंटी बज रही है।
why-no-broker = डायलिंग न होने का कारण यहाँ पता नहीं: डेस्क का ब्रोकर से संपर्क नहीं है।
why-dialler-away = डायलर नहीं चल रहा, या ब्रोकर से उसका संपर्क टूटा है।
why-stopping = डायलर रुक रहा है। वह नई कॉल नहीं लगाता।
why-starting = डायलर शुरू हो रहा है।
why-clock-set = डायलर की मशीन की घड़ी बदल गई है। समय जाँचें। सही हो तो "डायलर की घड़ी की पुष्टि करें" दबाएँ।
why-no-switch = डायलर एस्टरिस्क से नहीं जुड़ा है।
why-switch-silent = एस्टरिस्क जवाब नहीं दे रहा। एस्टरिस्क सर्वर जाँचें।
why-store = परिणाम सहेजे नहीं जा सकते। डायलर की मशीन की डिस्क जाँचें।
why-store-older = डेटाबेस आख़िरी कॉलों से पुराना है: उसे पुरानी स्थिति में लौटाया या बदला गया है। चेतावनी में दिए कदम उठाएँ, या अपने एडमिन को बताएँ।
why-paused = अभियान विराम पर है। "अभियान शुरू करें" दबाएँ।
why-stopped = अभियान रुका हुआ है। "अभियान शुरू करें" दबाएँ।
why-no-audio = कॉल फ़्लो की एक ध्वनि नहीं चलाई जा सकती: { $detail }
why-calling-hours =
    { $until ->
        [none] कॉल का समय नहीं है, और आगे भी कोई समय तय नहीं।
       *[other] कॉल का समय नहीं है, { $until } से है।
    }
why-rules = कॉल के नियम हर कॉल को रोकते हैं: { $detail }
why-no-poll = आज अभियान के किसी मतदान बूथ पर मतदान नहीं है।
why-no-agent = अभियान की कॉल ले सकने वाला कोई एजेंट लॉग-इन नहीं है ({ $detail })।
why-trunks =
    { $until ->
        [none] सभी ट्रंक निलंबित थे; एक कॉल से जाँच हो रही है कि कोई फिर चालू हुआ या नहीं।
       *[other] सभी ट्रंक { $until } तक निलंबित हैं: कैरियर कॉल अस्वीकार कर रहा है।
    }
why-list-completed = कॉल सूची पूरी हुई: कोई नंबर शेष नहीं।
why-nothing-due = अभी किसी नंबर की बारी नहीं: { $numbers } में से { $closed } नंबर पूरे।
why-held = अभियान रुका हुआ: { $detail }
why-limit-nobody = कोई एजेंट उपलब्ध नहीं: { $paused } विराम पर, { $wrapup } रैप-अप में।
why-limit-agents = हर उपलब्ध एजेंट डायल करने से पहले मतदाता को देखता है: { $talking } बातचीत में, { $wrapup } रैप-अप में, { $ready } तैयार।
why-limit-seats = सभी एजेंट व्यस्त हैं: { $talking } बातचीत में, { $wrapup } रैप-अप में, { $ready } तैयार। किसी एजेंट के खाली होने से ठीक पहले अगली कॉल शुरू होगी।
why-limit-cap = छूटी कॉल की दर लक्ष्य पर रखने के लिए डायलिंग सीमित है। { $ready } एजेंट तैयार हैं।
why-limit-hard-stop = डायलिंग रुकी है: एक और छूटी कॉल से छूटी कॉल की दर सीमा पार कर देगी। { $ready } एजेंट तैयार हैं।
why-limit-reserve = डायलिंग सीमित है, ताकि चल रही हर कॉल छूटने पर भी छूटी कॉल की दर सीमा में रहे। { $ready } एजेंट तैयार हैं।
why-limit-channels = डायलिंग रुकी है: ट्रंकों के सभी चैनल उपयोग में हैं।
why-limit-speed = डायलिंग पर्यवेक्षक की आज की सीमा पर है। { $ready } एजेंट तैयार हैं।
why-limit-cps = डायलिंग सीमित है, क्योंकि ट्रंक प्रति सेकंड इससे अधिक कॉल नहीं लेता।
why-limit-slow-carrier = डायलिंग सीमित है, क्योंकि कैरियर मतदाताओं के फ़ोन पर देर से घंटी बजाता है।
why-limit-in-flight = डायलिंग रुकी है: एक साथ चल रही कॉल की सीमा पूरी हो गई है।

## सीटें

seats = सीटें
seats-active = { $seats } में से { $working } सीटें सक्रिय
seat-actions = सीट { $seat } के लिए कार्रवाई
seat-order = सीटों का क्रम
seat-order-seat = सीट संख्या के अनुसार
seat-order-agent = एजेंट के नाम के अनुसार
seat-order-state = सीट की स्थिति के अनुसार
seat-order-since = इसी स्थिति में सबसे लंबे समय वाले पहले
seat-order-busy = सबसे व्यस्त पहले
select-seats = सीटें चुनें
select-seat = सीट { $seat } चुनें
select-all-seats = सभी सीटें चुनें
seats-selected =
    { $seats ->
        [one] 1 सीट चुनी गई
       *[other] { $seats } सीटें चुनी गईं
    }
selected-seats-actions = चुनी गई सीटों के लिए कार्रवाई
end-selection = चयन हटाएँ
serves-only = सीट केवल इन अभियानों की कॉल लेती है: { $campaigns }
seat-calls = { $calls } कॉल, { $share } समय व्यस्त

## ट्रंक

trunks = ट्रंक
trunk = ट्रंक
trunk-state = ट्रंक की स्थिति
channels = उपयोग में चैनल
asr = उत्तर दर
cps = प्रति सेकंड शुरू हुई कॉल
ringing = मतदाता के फ़ोन की घंटी बजने तक समय
failures = ट्रंक पर विफल कॉल
seconds = { $seconds } सेकंड

## मतदान

booths = बूथवार मतदान, मतदाताओं के अनुसार
booths-summary = { $booths } बूथों में संपर्क हुए { $reached } मतदाताओं में से { $voted } ने वोट दिया
booths-more = { $more } और बूथ नहीं दिखाए गए। सूची छोटी करने के लिए खोजें।
booth = क्षेत्र और मतदाता सूची का भाग
booth-find = बूथ खोजें
booth-order = बूथों का क्रम
booth-order-behind = सबसे कम मतदान पहले
booth-order-place = बूथ संख्या
voters = सूची के मतदाता
reached = संपर्क हुए मतदाता
voted = वोट दे चुके बताए गए मतदाता
not-yet = अभी वोट न देने वाले मतदाता
voted-share = सूचित मतदान

## दिन

day = आज की कॉल
no-day = आज अभी कोई कॉल पूरी नहीं हुई। पहली कॉल के बाद चार्ट दिखेंगे।
cap = छूटी कॉल की दर की सीमा
chart-calls = हर दस मिनट में कॉल
chart-calls-summary = आज { $placed } कॉल लगाई गईं, { $answered } का उत्तर मिला, { $connected } एजेंट से जुड़ीं।
chart-abandoned = छूटी कॉल की दर, पिछला घंटा
chart-abandoned-summary = आज { $answers } उत्तरों में से { $abandoned } छूटे; सीमा { $stop } है।

## चेतावनियाँ

alerts = चेतावनियाँ
alert-acknowledge = चेतावनी देख ली
alert-acknowledged-by = चेतावनी { $name } ने देखी, { $at }
level-notice = सूचना
level-warning = चेतावनी
level-critical = गंभीर चेतावनी

## आदेश

do-pause = अभियान को विराम दें
do-resume = अभियान शुरू करें
do-stop = अभियान रोकें
do-speed = कॉल सीमा तय करें
do-abandoned-target = छूटी कॉल की दर का लक्ष्य तय करें
do-weight = अभियान का भार तय करें
do-calling-hours = कॉल का समय तय करें
do-stop-all = सभी अभियान रोकें
do-accept-clock = डायलर की घड़ी की पुष्टि करें
do-reload-flows = कॉल फ़्लो फिर लोड करें
do-seat-pause = सीट की कॉल को विराम दें
do-seat-ready = सीट की कॉल फिर शुरू करें
do-seat-log-off = एजेंट को लॉग-ऑफ़ करें
do-seat-hang-up = सीट की कॉल काटें
do-seat-message = एजेंटों को संदेश भेजें
do-seat-campaigns = सीट का अभियान बदलें
do-seat-unlock = लॉग-इन का लॉक हटाएँ
do-listen = सीट की कॉल सुनें
do-whisper = एजेंट से बोलें
do-barge = सीट की बातचीत में जुड़ें
do-stop-listening = सुनना बंद करें

ask-pause = अभियान { $campaign } नई कॉल नहीं लगाएगा। चल रही कॉल जारी रहेंगी।
ask-resume = अभियान { $campaign } फिर डायल करना शुरू करेगा।
ask-stop = अभियान { $campaign } नई कॉल नहीं लगाएगा, और उसकी बिना उत्तर की कॉल रद्द होंगी। बातचीत जारी रहेगी।
ask-speed = अभियान { $campaign } के लिए आज आधी रात तक की कॉल सीमा चुनें। क़ानून और ट्रंक की सीमाएँ भी लागू रहेंगी। चल रही कॉल जारी रहेंगी।
ask-abandoned-target = चुनें कि अभियान { $campaign } में उत्तर मिली कॉल का कितना हिस्सा छूट सकता है। जब तक कोई इसे न बदले, यह लागू रहेगा। क़ानूनी सीमा वही रहती है।
ask-weight = एजेंटों का समय अभियानों के भार के अनुपात में बाँटा जाता है। अभियान { $campaign } का भार तब तक लागू रहेगा, जब तक कोई इसे न बदले। चल रही कॉल जारी रहेंगी।
ask-calling-hours =
    { $lawful ->
        [none] अभियान { $campaign } हर दिन केवल इसी समय में नई कॉल करेगा, जब तक कोई इसे न बदले। क़ानून के अनुसार आज कॉल की अनुमति नहीं है। चल रही कॉल जारी रहेंगी।
       *[other] अभियान { $campaign } हर दिन केवल इसी समय में नई कॉल करेगा, जब तक कोई इसे न बदले। आज का क़ानूनी समय: { $lawful }। चल रही कॉल जारी रहेंगी।
    }
ask-stop-all = केंद्र का कोई अभियान नई कॉल नहीं लगाएगा, और बिना उत्तर की कॉल रद्द होंगी। बातचीत जारी रहेगी।
ask-accept-clock = घड़ी सही हो तभी पुष्टि करें। डायलर तब यही समय मानकर फिर डायल करना शुरू करेगा।
ask-reload-flows = नई कॉल हर कॉल फ़्लो का नया संस्करण इस्तेमाल करेंगी।
ask-seat-pause = सीट { $seat } को नई कॉल नहीं मिलेंगी; चल रही बातचीत जारी रहेगी।
ask-seat-log-off = चल रही बातचीत समाप्त होने पर सीट { $seat } का एजेंट लॉग-ऑफ़ होगा।
ask-seat-hang-up = आपकी पुष्टि के साथ ही सीट { $seat } की कॉल समाप्त होगी।
ask-seat-message = { $to } के लिए संदेश: वह एजेंट के पेज पर पढ़े जाने तक, अधिक से अधिक 10 मिनट दिखता है। नाम या फ़ोन नंबर न लिखें।
ask-seat-campaigns = सीट { $seat } अगली कॉल से, एजेंट के लॉग ऑफ़ करने तक, केवल आपके चुने अभियान की कॉल लेगी।
ask-seat-unlock = सीट { $seat } पर एजेंट फिर लॉग-इन कर सकेंगे।
ask-whisper = आपका फ़ोन बजेगा। फ़ोन उठाने पर सीट { $seat } का एजेंट आपको सुन सकेगा, मतदाता नहीं।
ask-barge = आपका फ़ोन बजेगा। फ़ोन उठाने पर आप सीट { $seat } की कॉल में जुड़ेंगे, और एजेंट और मतदाता दोनों आपको सुनेंगे।

message-text = एजेंट के लिए संदेश
campaign-choice = सीट का अभियान
serve-all-campaigns = सभी अभियान
speed-choice = इस अभियान में एक साथ अधिकतम कॉल
speed-per-seat = हर एजेंट पर { $calls } बिना उत्तर की कॉल
speed-calls = एक साथ { $calls } कॉल
speed-unlimited = कॉल की कोई सीमा नहीं
speed-set-by = { $sender } ने आज कॉल की सीमा तय की: { $most }
target-choice = छूटी कॉल की दर का लक्ष्य
target-default = छूटी कॉल की दर का सेटिंग वाला लक्ष्य
target-set-by = { $sender } ने छूटी कॉल की दर का लक्ष्य { $share } तय किया
weight-choice = भार
weight-of = भार { $weight }
weight-default = सेटिंग का भार
weight-none = 0: एजेंटों का केवल वह समय जो दूसरे अभियान इस्तेमाल न करें
weight-set-by = { $sender } ने भार { $weight } तय किया
hours-choice = कॉल का समय, केंद्र के समय क्षेत्र में, जैसे 09:00-13:00, 14:00-18:00। ख़ाली: सेटिंग का समय।
hours-today =
    { $today ->
        [none] आज कॉल का कोई समय नहीं है।
       *[other] आज कॉल का समय: { $today } (क़ानूनी समय: { $lawful })।
    }
hours-set-by = { $sender } ने कॉल का समय { $hours } तय किया।
pause-reason = विराम का कारण

commands-signed = डायलर को हस्ताक्षर वाले आदेश चाहिए, जो यह पेज नहीं भेज सकता: "dialer command" का उपयोग करें।
command-done = आदेश पूरा हुआ: { $text }
commands-done = { $all } में से { $done } आदेश पूरे हुए।
command-refused = आदेश अस्वीकार: { $text }
command-unanswered = डायलर ने जवाब नहीं दिया। दोहराने से पहले जाँचें कि आदेश पूरा हुआ या नहीं।

## सूचियाँ और नंबर

to-lists = मतदाता सूचियाँ
do-roll-import = मतदाता सूची आयात करें
do-rejects-download = अस्वीकृत पंक्तियाँ डाउनलोड करें
do-suppress = इस नंबर पर कॉल बंद करें
do-number-search = किसी फ़ोन नंबर की कॉल खोजें
do-coaching-note = प्रशिक्षण टिप्पणियाँ लिखें और हटाएँ
do-erase-number = यह नंबर मिटाएँ
roll-help = CSV या XLSX फ़ाइल चुनें। पहले उसकी जाँच होती है: आयात से पहले आप उसके कॉलम, अस्वीकृत पंक्तियाँ और बदलाव देखते हैं। इस बीच डायलिंग जारी रहती है।
roll-file = मतदाता सूची की फ़ाइल
roll-check = फ़ाइल जाँचें
roll-receiving = फ़ाइल अपलोड हो रही है
roll-import = मतदाता सूची आयात करें
roll-columns = फ़ाइल के कॉलम
roll-columns-help = चुनें कि हर कॉलम में कौन सी जानकारी है। विधानसभा संख्या, भाग संख्या और क्रम संख्या से मतदाता पहचाना जाता है; ये ज़रूरी हैं। फ़ोन नंबर कई कॉलमों में हो सकते हैं। लंबी संख्याओं के केवल अंतिम चार अंक दिखते हैं।
roll-columns-changed = कॉलम बदले गए हैं: आयात से पहले फ़ाइल फिर जाँचें।
roll-header-row = शीर्षकों की पंक्ति (0: कोई नहीं)
roll-read-headings = शीर्षक पढ़ें
roll-file-column = कॉलम
roll-column = कॉलम { $number }
roll-examples = उदाहरण
roll-read-as = जानकारी
roll-field-of = कॉलम { $column } की जानकारी
roll-not-read = नहीं पढ़ा जाता
roll-never-stored = कभी सहेजा नहीं जाता (जाति, धर्म, आधार, वोट)
roll-check-again = फ़ाइल फिर जाँचें
roll-rejects = पहली अस्वीकृत पंक्तियाँ और खाने
roll-reject-row = पंक्ति
roll-reject-value = मान
roll-reject-reason = कारण
roll-problem-no-headings = किसी पंक्ति में जाना-पहचाना शीर्षक नहीं है। हर कॉलम की जानकारी और शीर्षकों की पंक्ति चुनें।
roll-problem-header-row = फ़ाइल में इतनी पंक्तियाँ नहीं हैं। शीर्षकों की पंक्ति फिर दर्ज करें।
roll-problem-missing-fields = इसका कोई कॉलम नहीं: { $fields }। इसका कॉलम चुनें।
roll-problem-repeated-field = इसके कई कॉलम हैं: { $fields }। एक चुनें; केवल फ़ोन नंबर कई कॉलमों में हो सकते हैं।
roll-problem-all-rejected = हर पंक्ति अस्वीकृत हुई, इसलिए आयात करने को कुछ नहीं है। नीचे कारण देखें, और कॉलम या फ़ाइल सुधारें।
roll-field-roll-version = सूची का संस्करण
roll-field-state-code = राज्य कोड
roll-field-constituency-number = विधानसभा संख्या
roll-field-constituency-name = विधानसभा का नाम
roll-field-part-number = भाग संख्या (बूथ)
roll-field-part-name = बूथ का नाम
roll-field-part-name-local = बूथ का नाम स्थानीय लिपि में
roll-field-closes-at = मतदान समाप्ति का समय
roll-field-section = अनुभाग
roll-field-serial = क्रम संख्या
roll-field-house = मकान संख्या
roll-field-name = नाम या पहला नाम
roll-field-last-name = उपनाम
roll-field-name-local = नाम स्थानीय लिपि में
roll-field-last-name-local = उपनाम स्थानीय लिपि में
roll-field-relation = संबंध (पिता, माता, पति)
roll-field-relation-name = संबंधी का नाम
roll-field-relation-last-name = संबंधी का उपनाम
roll-field-sex = लिंग
roll-field-age = आयु
roll-field-epic = मतदाता पहचान पत्र संख्या (EPIC)
roll-field-language = भाषा
roll-field-mobile = फ़ोन नंबर
roll-discard = फ़ाइल हटाएँ
roll-by = { $name } ने फ़ाइल अपलोड की
roll-is-receiving = फ़ाइल अपलोड हो रही है
roll-is-checking = फ़ाइल की जाँच हो रही है; अभी कुछ नहीं बदला
roll-is-checked = फ़ाइल की जाँच पूरी; आयात से ये बदलाव होंगे
roll-is-importing = मतदाता सूची आयात हो रही है
roll-is-done = मतदाता सूची आयात हो गई
roll-is-refused = मतदाता सूची आयात नहीं हुई
roll-done = { $rows } में से { $done } पंक्तियाँ आयात हुईं
roll-rows = फ़ाइल की पंक्तियाँ
roll-voters = जोड़े या बदले गए मतदाता
roll-unchanged = अपरिवर्तित मतदाता (पहले से आयात, या फ़ाइल में दो बार)
roll-rejected = अस्वीकृत पंक्तियाँ
roll-booths = जोड़े गए बूथ
roll-numbers = जोड़े गए फ़ोन नंबर
roll-links = मतदाताओं और नंबरों के संबंध
roll-rejected-numbers = अस्वीकृत नंबर (उनके मतदाता आयात होते हैं)
roll-rejected-cells = फ़ाइल के अन्य अस्वीकृत खाने (उनके मतदाता आयात होते हैं)
roll-opted-out = कॉल से मना कर चुके नंबर (कभी कॉल नहीं)
roll-without-close = बिना समाप्ति समय वाले मतदान बूथ
ask-roll-import = { $voters } मतदाता और { $numbers } नंबर जोड़े या बदले जाएँगे। चालू अभियान उन्हें तुरंत कॉल करना शुरू करेंगे।
numbers-title = नंबर रोकें या मिटाएँ
numbers-help = आपका दर्ज किया फ़ोन नंबर किसी लॉग में नहीं लिखा जाता। मिटाने पर उसकी रिकॉर्डिंग और टिप्पणियाँ भी हमेशा के लिए हटती हैं।
number = फ़ोन नंबर
number-names = इस नंबर के मतदाताओं के नाम भी मिटाएँ
ask-number-suppress = कोई अभियान { $number } पर फिर कॉल नहीं करेगा, नई मतदाता सूची के बाद भी नहीं। इसे वापस नहीं लिया जा सकता।
ask-number-erase = { $number } अपनी रिकॉर्डिंग और टिप्पणियों के साथ मिटाया जाएगा, और उस पर फिर कभी कॉल नहीं होगी। इसे वापस नहीं लिया जा सकता।
problem-no-roll = यह मतदाता सूची की फ़ाइल नहीं है। .csv या .xlsx फ़ाइल चुनें।
problem-list-busy = दूसरी मतदाता सूची जाँची या आयात की जा रही है। उसके पूरा होने तक रुकें।
problem-no-list = यह अपलोड अब नहीं है। फ़ाइल फिर से अपलोड करें।
problem-rejects-not-audited = डायलर डाउनलोड को ऑडिट लॉग में दर्ज नहीं कर सका, इसलिए फ़ाइल नहीं मिली। डायलर जाँचें, फिर कोशिश करें।
problem-no-room = फ़ाइल के लिए डिस्क पर पर्याप्त जगह नहीं है। जगह ख़ाली करें, फिर कोशिश करें।
problem-no-number = ठीक एक मान्य फ़ोन नंबर दर्ज करें।

## Recordings

to-recordings = रिकॉर्डिंग
recordings-help = रिकॉर्ड की गई कॉल, बिना नाम और नंबर के। हर बार सुनना ऑडिट लॉग में दर्ज होता है।
recordings-none = कोई रिकॉर्डिंग नहीं। कॉल रिकॉर्ड होने पर वे यहाँ दिखेंगी।
recordings-unjudged = केवल आंसरिंग मशीन मानी गई वे कॉल, जिनमें किसी ने दर्ज नहीं किया कि किसने उठाया
recordings-none-unjudged = ऐसी कोई कॉल नहीं है।
recordings-older = पुरानी रिकॉर्डिंग दिखाएँ
recorded-at = रिकॉर्डिंग की शुरुआत
recorded-duration = रिकॉर्डिंग की अवधि
recorded-seat = सीट
recorded-agent = एजेंट
recording-of = { $at } की रिकॉर्डिंग
recording-play-of = { $at } की रिकॉर्डिंग सुनें
do-recording-play = रिकॉर्डिंग सुनें
do-recording-judge = दर्ज करें कि व्यक्ति ने उत्तर दिया या मशीन ने
judged-who = किसने उठाया (आंसरिंग मशीन मानी गई कॉल)
judged-open = अभी दर्ज नहीं: पहले कॉल सुनें
judged-person = व्यक्ति
judged-machine = मशीन
problem-recording-deleted = यह रिकॉर्डिंग हटाई जा चुकी है।
problem-playback-expired = सुनने की अनुमति 15 मिनट बाद समाप्त हो गई। "रिकॉर्डिंग सुनें" फिर दबाएँ।
problem-recordings-unreadable = रिकॉर्डिंग का फ़ोल्डर पढ़ा नहीं जा सकता। अपने एडमिन को बताएँ।

## बदली हुई सेटिंग

do-reload-settings = सेटिंग फिर लोड करें
settings-title = बदली हुई सेटिंग
settings-help = सेटिंग फ़ाइलों के वे बदलाव जो अभी लागू नहीं हैं। फिर लोड करने पर सब लागू होते हैं; एक भी ग़लत हो तो कोई नहीं। यह आपके नाम से ऑडिट लॉग में दर्ज होता है। चल रही कॉल जारी रहेंगी।
settings-look-again = फ़ाइलें फिर पढ़ें
settings-unchanged = कोई बदलाव नहीं: फ़ाइलों में वही मान हैं जो लागू हैं।
settings-invalid = सेटिंग फ़ाइलों में ग़लती है। उसे सुधारने तक कुछ भी फिर लोड नहीं हो सकता:
settings-need-restart = जब तक डायलर दोबारा चालू न हो, या वे बदलाव वापस न लिए जाएँ जिनके लिए यह ज़रूरी है, कुछ भी फिर लोड नहीं हो सकता।
settings-need-desk-restart = डेस्क दोबारा चालू होने तक ये पेज पुरानी सेटिंग दिखाते हैं।
setting = सेटिंग
setting-before = लागू मान
setting-after = नया मान
setting-takes-effect = कब लागू होगी
setting-hidden = छिपा हुआ
setting-not-set = तय नहीं
takes-effect-reload = फिर लोड करने पर
takes-effect-restart = डायलर दोबारा चालू होने पर
takes-effect-desk-restart = डेस्क (इन पेजों का सर्वर) दोबारा चालू होने पर
takes-effect-elsewhere = दूसरे प्रोग्रामों में, जब वे दोबारा चालू हों या उनकी फ़ाइलें फिर लिखी जाएँ
ask-reload-settings =
    { $settings ->
        [0] डायलर सेटिंग फ़ाइलें फिर पढ़ेगा। चल रही कॉल जारी रहेंगी।
        [one] 1 बदली हुई सेटिंग फिर लोड होगी। चल रही कॉल जारी रहेंगी।
       *[other] { $settings } बदली हुई सेटिंग फिर लोड होंगी। चल रही कॉल जारी रहेंगी।
    }
problem-settings-differ = कुछ भी लोड नहीं हुआ: सेटिंग फ़ाइलें फिर बदल गई हैं। नए बदलाव देखें, फिर लोड करें।
problem-no-settings-file = डायलर बिना सेटिंग फ़ाइल के चालू हुआ, इसलिए लोड करने को कुछ नहीं है।

## एजेंट

to-agents = एजेंट
agents = एजेंट
agents-read-only = बिना बटन वाले एजेंट { $file } में हैं। उन्हें वहाँ बदलें, फिर सेटिंग दोबारा लोड करें।
agent-number = एजेंट नंबर
agent-full-name = नाम
agent-languages = भाषाएँ
agent-languages-of-seat = सीट की भाषाएँ
agent-skills = कौशल
agent-logged-in = लॉग-इन
agent-at-seat = सीट { $seat }, { $state }
agent-actions = इस एजेंट के लिए कार्रवाइयाँ
agent-add = एजेंट जोड़ें
agent-edit = बदलें
agent-remove = हटाएँ
agent-title-edit = एजेंट { $agent } बदलें
agent-title-remove = एजेंट { $agent } हटाएँ
agent-number-help = 1 से 10 अंक, जिन्हें एजेंट लॉग-इन के लिए डालता है
agent-full-name-help = बोर्ड और रिपोर्टों में दिखता है।
agent-languages-help = एजेंट को इनमें से कोई भाषा बोलने वाले मतदाताओं की कॉल मिलती हैं। जिस पर पहले निशान लगाएँ, उसी में एजेंट का पेज दिखता है। कोई निशान न हो तो सीट की भाषाएँ लागू होती हैं।
agent-skills-help = कुछ अभियान केवल किसी ख़ास कौशल वाले एजेंटों के लिए हैं।
agent-skill-new = नया कौशल
agent-skill-new-help = अंग्रेज़ी के छोटे अक्षर, अंक और हाइफ़न
agent-skill-add = कौशल जोड़ें
agent-pin = पिन
agent-pin-keep = पिन वही रखें
agent-pin-generate = नया पिन अपने आप बनाएँ
agent-pin-enter = नया पिन ख़ुद डालें
agent-pin-new = नया पिन (4 से 12 अंक)
agent-pin-repeat = नया पिन दोबारा डालें
agent-pins-differ = दोनों पिन अलग हैं।
agent-pin-title = एजेंट { $agent } का पिन
agent-pin-once = यह पिन केवल एक बार दिखता है। इसे एजेंट को ख़ुद दें।
agent-pin-copy = पिन कॉपी करें
agent-pin-copied = पिन कॉपी हुआ।
agent-is-logged-in-edit = एजेंट सीट { $seat } पर लॉग-इन है और लॉग-इन रहेगा। भाषाएँ, कौशल और पिन अगले लॉग-इन पर बदलेंगे।
agent-is-logged-in-remove = एजेंट सीट { $seat } पर लॉग-इन है और लॉग-ऑफ़ होगा; कॉल चल रही हो तो उसके बाद।
agent-check-incomplete = एजेंट नंबर डालें।
agent-check-running = बदलाव की जाँच हो रही है
agent-check-problems = एजेंट सहेजने से पहले चिह्नित खाने ठीक करें।
agent-save = एजेंट सहेजें
agent-help-add = बदलाव सहेजते ही एजेंट लॉग-इन कर सकता है।
agent-help-edit = बदलाव आपके नाम से ऑडिट लॉग में दर्ज होता है।
agent-help-remove = एजेंट अब लॉग-इन नहीं कर सकेगा। उसकी कॉल रिपोर्टों में रहती हैं।
agent-saved-add = एजेंट { $agent } जोड़ा गया।
agent-saved-edit = एजेंट { $agent } बदला गया।
agent-saved-remove = एजेंट { $agent } हटाया गया।
problem-no-agents-file = यहाँ एजेंट नहीं बदले जा सकते। एडमिन से कहें कि `desk.agents_file` तय करें और डेस्क को दोबारा चालू करें।
problem-agents-changed = कुछ सहेजा नहीं गया: इस बीच किसी और ने एजेंट बदले हैं। जाँच का नया परिणाम पढ़ें, फिर सहेजें।
problem-agent-invalid = कुछ सहेजा नहीं गया: { $text }

## सेटिंग फ़ाइलों में बदलाव

will-be-written = { $file } में बदलाव
nothing-changed = अभी कुछ नहीं बदला है।
also-applied = दूसरी सेटिंग भी बदली हैं और साथ ही लागू होंगी: { $settings }
needs-restart = डायलर दोबारा चालू होने तक बदलाव स्वीकार नहीं करेगा, क्योंकि ये सेटिंग बदली हैं: { $settings }
change-refused = डायलर ने बदलाव स्वीकार नहीं किया, इसलिए कुछ सहेजा नहीं गया: { $text }
change-unanswered = बदलाव सहेजा गया, पर डायलर ने जवाब नहीं दिया। सेटिंग अगली बार लोड होने पर बदलाव लागू होगा।
