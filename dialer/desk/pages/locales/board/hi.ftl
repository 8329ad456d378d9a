### बोर्ड के शब्द हिन्दी में।

campaign = अभियान
centre-actions = केंद्र की कार्रवाई
seat-state = स्थिति
all-states = सभी स्थितियाँ
spoken = बोली जाने वाली भाषा
all-languages = सभी भाषाएँ
all-campaigns = सभी अभियान

## कौन साइन इन है, और उपयोगकर्ता

to-board = बोर्ड पर वापस
users = उपयोगकर्ता
user-name = नाम
user-name-help = 1 से 32 छोटे अंग्रेज़ी अक्षर, अंक और डैश
role = भूमिका
sign-in-by = साइन इन का तरीका
signed-in-at = पिछला साइन इन
user-fixed = सेटिंग में
user-menu = { $name } के लिए कार्रवाई
user-actions = कार्रवाई
passkey = पासकी
password-none = अभी पासवर्ड नहीं
password-once = एक बार का पासवर्ड
password-own = पासवर्ड
user-add = उपयोगकर्ता जोड़ें
user-role = दूसरी भूमिका
user-password = नया एक बार का पासवर्ड
user-sign-out = सब जगह से साइन आउट
user-remove = हटाएँ
ask-user-add = { $name } साइन इन कर सकेंगे, भूमिका: { $role }। पहले साइन इन का पासवर्ड आपको दिखाया जाएगा।
ask-user-role = अगले आदेश से { $name } की नई भूमिका होगी, और उन्हें फिर से साइन इन करना होगा।
ask-user-password = { $name } का पासवर्ड अब नहीं चलेगा और हर पेज साइन आउट होगा। एक बार का नया पासवर्ड आपको दिखाया जाएगा।
ask-user-sign-out = { $name } हर पेज से साइन आउट होंगे, और फिर से साइन इन कर सकेंगे।
ask-user-remove = { $name } अब कुछ नहीं कर सकेंगे, और हर पेज से साइन आउट होंगे।
new-password-title = { $name } का पासवर्ड
new-password-help = यह एक ही बार दिखाया जाता है। तीन दिन के भीतर एक साइन इन के लिए है, जिसमें नया पासवर्ड चुनना होगा। इसे आमने-सामने दें।
copy = कॉपी करें
copied = कॉपी हो गया।
done = हो गया
signed-out-everywhere = { $name } सब जगह से साइन आउट हैं।
users-help = सेटिंग में दर्ज उपयोगकर्ता केवल वहीं बदले जा सकते हैं। हर बदलाव आपके नाम से ऑडिट लॉग में दर्ज होता है।

## क्या गड़बड़ हुई

problem-alert-ended = चेतावनी इस बीच समाप्त हो गई या बदल गई।
problem-no-user = इस नाम का कोई उपयोगकर्ता अब नहीं है।
problem-user-in-settings = यह नाम केंद्र की सेटिंग में है: इसका पासवर्ड डायलर की मशीन पर बदला जाता है (dialer user password)।
problem-own-account = यह आपका अपना खाता है: पासवर्ड ऊपर बदलें।
problem-not-audited = डायलर ने इसे ऑडिट में नहीं लिखा: कोई पासवर्ड नहीं दिया गया।

## स्थिति

status = स्थिति
status-broker = ब्रोकर
status-dialler = डायलर
status-switch = एस्टरिस्क
status-up = चालू
status-down = बंद
stale-desk = डेस्क से { $ago } से कोई अपडेट नहीं। आँकड़े पुराने हो सकते हैं। डायलिंग जारी है।
stale-broker = ब्रोकर से { $ago } से कोई अपडेट नहीं। आँकड़े पुराने हो सकते हैं। डायलिंग जारी है।
stale-dialler = डायलर ऑफ़लाइन है: उसे रोका गया या ब्रोकर से उसका संपर्क टूट गया।

role-viewer = दर्शक
role-listener = श्रोता
role-coach = प्रशिक्षक
role-booth-desk = बूथ डेस्क
role-compliance = अनुपालन
role-supervisor = पर्यवेक्षक

state-running = चालू
state-paused = विराम पर
state-stopped = रुका हुआ

call-preview = एजेंट को दिखाई गई
call-sending = भेजी जा रही
call-dialling = डायल हो रही
call-ringing = घंटी बज रही
call-waiting = प्रतीक्षा में
call-connecting = जुड़ रही
call-talking = बातचीत में
call-in-flow = फ़्लो में
call-message = संदेश

trunk-working = काम कर रहा
trunk-resting = निलंबित
trunk-probing = एक कॉल से जाँच

## मुख्य आँकड़े

tile-calls = चालू कॉल
tile-seats = सक्रिय एजेंट
tile-abandoned = छूटी कॉल की दर
tile-utilisation = उपयोग
tile-utilisation-help = बातचीत और रैप-अप, लॉग-इन समय में से
tile-asr = उत्तर दर (ASR)
tile-asr-help = सभी ट्रंक की हाल की कॉल में से
tile-remaining = शेष
tile-remaining-of = { $numbers } नंबरों में से

window-days = { $days } दिनों
window-hours = { $hours ->
    [one] { $hours } घंटे
   *[other] { $hours } घंटों
}
abandoned-window = { $window } में एजेंटों के { $answers } उत्तरों का { $share } ({ $abandoned } कॉल); { $stop } पर रोक

## अभियान

campaigns = अभियान
no-campaign = डायलर ने अभी कोई अभियान नहीं बताया।
list-completed-of = { $numbers } में से { $closed } नंबर पूरे, { $due } बचे
placed = कॉल
answered = उत्तर
connected = जुड़ीं
abandoned = छूटीं
pacing = गति
refused = नियमों के कारण कॉल नहीं
rule-number = नंबर की अनुमति नहीं
rule-opted-out = मना कर चुके
rule-nothing-known = कुछ ज्ञात नहीं
rule-do-not-call-register = कॉल-निषेध सूची में
rule-register-missing = निषेध सूची नहीं है
rule-register-too-old = निषेध सूची पुरानी
rule-no-consent = सहमति नहीं
rule-certificate = रिकॉर्डिंग प्रमाणित नहीं
rule-caller-id = कॉलर आईडी की अनुमति नहीं
rule-poll-over = मतदान समाप्त
rule-retention = रखने की अवधि पूरी
rule-silence = मतदान से पहले मौन अवधि
rule-poll-unknown = मतदान का दिन ज्ञात नहीं
rule-close-of-poll-unknown = मतदान का अंत समय ज्ञात नहीं
rule-time-zone-unknown = समय क्षेत्र ज्ञात नहीं
rule-calling-hours = कॉल के समय से बाहर
rule-campaign-hours = अभियान के समय से बाहर
rule-redial-lock = हाल में कॉल छूटी
rule-gap = अभी-अभी कॉल हुई
rule-attempts = आज पर्याप्त प्रयास
rule-conversations = बात हो चुकी

calls-now = अभी { $calls } कॉल
pacing-nobody = कोई एजेंट कॉल नहीं ले रहा, इसलिए कोई कॉल नहीं
pacing-agents = { calls-now }: हर खाली एजेंट को मतदाता दिखाया जाता है, और वही डायल करता है
pacing-seats = { calls-now }: जितनी सीटें सँभाल सकती हैं
pacing-cap = { calls-now }: छूटी कॉल का हिस्सा लक्ष्य पर रखने के लिए धीमी
pacing-hard-stop = { calls-now }: एक और छूटी कॉल सीमा पार कर देगी
pacing-reserve = { calls-now }: सीमा मानती है कि चल रही हर कॉल छूट सकती है
pacing-cold = { calls-now }: खाली सीटों से आगे डायल करने के लिए अभी कम जानकारी है
pacing-speed = { calls-now }: पर्यवेक्षक ने आज इससे अधिक कॉल की अनुमति नहीं दी है
pacing-channels = { calls-now }: सभी चैनल भरे हैं
pacing-cps = { calls-now }: ट्रंक प्रति सेकंड इससे अधिक कॉल शुरू नहीं करता
pacing-slow-carrier = { calls-now }: कैरियर देर से घंटी बजाता है, इसलिए कॉल जमा नहीं की जातीं
pacing-in-flight = { calls-now }: जितनी एक साथ चल सकती हैं, उतनी चल रही हैं

why = डायल क्यों नहीं हो रहा?
why-dialling = { $calls } कॉल रास्ते में हैं।
why-no-broker = डेस्क नहीं बता सकता: ब्रोकर से संपर्क नहीं है।
why-dialler-away = डायलर नहीं चल रहा, या ब्रोकर से उसका संपर्क टूटा है।
why-stopping = डायलर रोका जा रहा है: नई कॉल नहीं।
why-starting = डायलर शुरू हो रहा है।
why-clock-set = मशीन की घड़ी बदली गई। घड़ी मिलाएँ; सही हो तो "घड़ी सही है" दबाएँ।
why-no-switch = एस्टरिस्क से संपर्क नहीं है।
why-switch-silent = एस्टरिस्क जवाब नहीं दे रहा।
why-store = परिणाम सहेजे नहीं जा सकते: डिस्क देखें।
why-paused = अभियान विराम पर है। "शुरू करें" दबाएँ।
why-stopped = अभियान रोका गया है। "शुरू करें" दबाएँ।
why-no-audio = फ़्लो की एक ध्वनि मतदाताओं को सुनाई नहीं देगी। डायलर कहता है: { $detail }
why-calling-hours = { $until ->
    [none] कॉल का समय नहीं है, और आगे भी कोई समय तय नहीं।
   *[other] कॉल का समय नहीं है, { $until } से है।
}
why-rules = नियम कॉल की अनुमति नहीं देते। डायलर कहता है: { $detail }
why-no-poll = आज किसी बूथ पर मतदान नहीं है।
why-no-agent = कॉल लेने वाला कोई एजेंट लॉग-इन नहीं है ({ $detail })।
why-trunks = { $until ->
    [none] सभी ट्रंक विराम पर थे; एक कॉल से देखा जा रहा है कि कोई चालू हुआ या नहीं।
   *[other] सभी ट्रंक { $until } तक विराम पर हैं: कैरियर कॉल नहीं ले रहा।
}
why-list-completed = सूची पूरी हुई: कोई नंबर नहीं बचा।
why-nothing-due = अभी कोई नंबर बाकी नहीं: { $numbers } में से { $closed } पूरे।
why-held = डायलर कहता है: { $detail }
why-limit-nobody = अभी कोई एजेंट कॉल नहीं ले रहा: { $paused } विराम पर, { $wrapup } रैप-अप में।
why-limit-agents = हर खाली एजेंट को मतदाता दिखाया जाता है, और वही डायल करता है: { $talking } बातचीत में, { $wrapup } रैप-अप में, { $ready } तैयार।
why-limit-seats = सभी सीटें व्यस्त हैं: { $talking } बातचीत में, { $wrapup } रैप-अप में, { $ready } तैयार। अगली कॉल तब जाएगी जब कोई खाली होने वाली हो।
why-limit-cap = छूटी कॉल का हिस्सा लक्ष्य पर रखने के लिए धीमा। { $ready } सीटें तैयार हैं।
why-limit-hard-stop = एक और छूटी कॉल सीमा पार कर देगी। { $ready } सीटें तैयार हैं।
why-limit-reserve = सीमा मानती है कि चल रही हर कॉल छूट सकती है। { $ready } सीटें तैयार हैं।
why-limit-cold = खाली सीटों से आगे डायल करने के लिए अभी कम जानकारी है। { $ready } सीटें तैयार हैं।
why-limit-channels = सभी चैनल भरे हैं।
why-limit-speed = पर्यवेक्षक ने आज इतनी ही कॉल की सीमा रखी है। { $ready } सीटें तैयार हैं।
why-limit-cps = ट्रंक प्रति सेकंड इससे अधिक कॉल शुरू नहीं करता।
why-limit-slow-carrier = कैरियर देर से घंटी बजाता है: कॉल जमा हो जातीं।
why-limit-in-flight = जितनी कॉल एक साथ चल सकती हैं, उतनी चल रही हैं।

## सीटें

seats = सीटें
seats-active = { $seats } में से { $working } काम पर
seat-actions = सीट { $seat } की कार्रवाई
serves-only = केवल { $campaigns }
seat-calls = { $calls } कॉल

## ट्रंक

trunks = ट्रंक
trunk = ट्रंक
trunk-state = स्थिति
channels = चैनल
asr = ASR
cps = कॉल/से
ringing = घंटी तक
failures = विफल
seconds = { $seconds } से

## मतदान

booths = बूथवार मतदान, मतदाताओं के अनुसार
booths-summary = संपर्क हुए { $reached } में से { $voted } ने वोट दिया, { $booths } बूथ
booths-more = और { $more }: ऊपर से छाँटें
booth = क्षेत्र/भाग
booth-find = खोजें
booth-order = क्रम
booth-order-behind = सबसे कम वोट पहले
booth-order-place = संख्या से
voters = मतदाता
reached = संपर्क हुआ
voted = वोट दिया
not-yet = अभी नहीं
voted-share = हिस्सा

## दिन

day = आज का दिन
no-day = आज अभी कोई कॉल पूरी नहीं हुई।
cap = सीमा
chart-calls = कॉल, हर दस मिनट
chart-calls-summary = आज { $placed } कॉल की गईं, { $answered } का उत्तर मिला, { $connected } जुड़ीं।
chart-abandoned = छूटी कॉल, एक घंटे में
chart-abandoned-summary = आज एजेंटों के { $answers } उत्तरों में से { $abandoned } छूटीं; सीमा { $stop } है।

## चेतावनियाँ

alerts = चेतावनियाँ
alert-acknowledge = देख लिया
alert-acknowledged-by = { $name } ने देखा, { $at }
level-notice = सूचना
level-warning = चेतावनी
level-critical = गंभीर

## आदेश

do-pause = विराम दें
do-resume = शुरू करें
do-stop = रोकें
do-speed = गति
do-abandoned-target = छूटी कॉल का लक्ष्य
do-stop-all = सब कुछ रोकें
do-accept-clock = घड़ी सही है
do-reload-flows = फ़्लो फिर पढ़ें
do-seat-pause = विराम दें
do-seat-ready = तैयार
do-seat-log-off = लॉग-ऑफ़ करें
do-seat-hang-up = कॉल काटें
do-seat-message = संदेश
do-seat-campaigns = बदलें
do-seat-unlock = लॉग-इन खोलें
do-listen = सुनें
do-whisper = एजेंट से बोलें
do-barge = बीच में जुड़ें
do-stop-listening = सुनना बंद करें

ask-pause = { $campaign }: नई कॉल नहीं। बज रही और चल रही कॉल चलती रहेंगी।
ask-resume = { $campaign }: कॉल फिर से की जाएँगी।
ask-stop = { $campaign }: नई कॉल नहीं, बज रही कॉल वापस ली जाएँगी। बातचीत चलती रहेगी।
ask-speed = { $campaign }: आधी रात तक इससे अधिक नहीं; बाकी सीमाएँ भी लागू रहेंगी। जो कॉल बज रही हैं वे चलती रहेंगी।
ask-abandoned-target = { $campaign }: उठाई गई कॉल का कितना हिस्सा छूट सकता है, जब तक कोई इसे न बदले। क़ानून की सीमा नहीं बदलती।
ask-stop-all = केंद्र के सभी अभियान: नई कॉल नहीं, बज रही कॉल वापस ली जाएँगी। बातचीत चलती रहेगी।
ask-accept-clock = डायलर अब की घड़ी के अनुसार फिर डायल करेगा।
ask-reload-flows = अगली कॉल में हर फ़्लो का नया रूप होगा।
ask-seat-pause = सीट { $seat } को और कॉल नहीं मिलेगी; चल रही बातचीत पूरी होगी।
ask-seat-log-off = सीट { $seat } का एजेंट लॉग-ऑफ़ होगा; चल रही बातचीत पूरी होगी।
ask-seat-hang-up = सीट { $seat } पर मतदाता की कॉल तुरंत कटेगी।
ask-seat-message = { $to } के लिए: एजेंट के पेज पर एक पंक्ति, पढ़े जाने तक या 10 मिनट तक। किसी मतदाता का नाम या फ़ोन नंबर न लिखें।
ask-seat-campaigns = अगली कॉल से सीट { $seat } केवल इस अभियान की कॉल लेगी, जब तक उसका एजेंट लॉग ऑफ़ न करे।
ask-seat-unlock = सीट { $seat } पर फिर लॉग-इन हो सकेगा।
ask-whisper = आपका फ़ोन बजेगा। सीट { $seat } का एजेंट आपको सुनेगा, मतदाता नहीं।
ask-barge = आपका फ़ोन बजेगा। सीट { $seat } के एजेंट और मतदाता दोनों आपको सुनेंगे।

message-text = एजेंट क्या पढ़े
campaign-choice = अभियान
serve-all-campaigns = फिर से सभी
speed-choice = अधिक से अधिक
speed-per-seat = हर एजेंट के लिए { $calls } बजती कॉल
speed-calls = एक साथ { $calls } कॉल
speed-unlimited = जितनी तेज़ हो सके
speed-set-by = { $sender } ने आज की सीमा रखी है: { $most }
target-choice = लक्ष्य
target-default = जो सेटिंग में है
target-set-by = { $sender } ने छूटी कॉल का लक्ष्य { $share } रखा है
pause-reason = कारण

commands-signed = डायलर आपके आदेश केवल हस्ताक्षर के साथ मानता है, जो यह पन्ना नहीं कर सकता: उन्हें "dialer command" से दें।
command-done = हो गया: { $text }
command-refused = मना किया गया: { $text }
command-unanswered = डायलर ने जवाब नहीं दिया। फिर कोशिश से पहले देखें कि काम हुआ या नहीं।

## सूचियाँ और नंबर

to-lists = सूचियाँ
do-roll-import = मतदाता सूची आयात करें
do-suppress = फिर कभी कॉल न करें
do-erase-number = मिटा दें
roll-help = CSV या XLSX फ़ाइल। पहले इसकी जाँच होती है, और आप देखते हैं कि क्या बदलेगा। फिर डायलर कॉल के साथ-साथ इसे लेता है।
roll-file = फ़ाइल
roll-check = जाँचें
roll-receiving = फ़ाइल भेजी जा रही है
roll-import = आयात करें
roll-discard = हटाएँ
roll-by = { $name } से
roll-is-receiving = आ रही है
roll-is-checking = जाँची जा रही है; कुछ बदला नहीं जा रहा
roll-is-checked = जाँच हुई: यह बदलेगा
roll-is-importing = ली जा रही है
roll-is-done = ले ली गई।
roll-is-refused = नहीं ली गई
roll-done = { $rows } में से { $done }
roll-rows = पंक्तियाँ
roll-voters = जोड़े या बदले गए मतदाता
roll-unchanged = जैसे थे
roll-rejected = अस्वीकृत पंक्तियाँ
roll-booths = जोड़े गए बूथ
roll-numbers = जोड़े गए नंबर
roll-links = मतदाताओं और नंबरों के जोड़
roll-rejected-numbers = अस्वीकृत नंबर; उनके मतदाता लिए जाते हैं
roll-rejected-cells = अन्य अस्वीकृत खाने; उनके मतदाता लिए जाते हैं
roll-opted-out = मना कर चुके नंबर: कॉल नहीं होगी
roll-without-close = बूथ जिनका मतदान समाप्ति समय नहीं है
ask-roll-import = { $voters } मतदाता और { $numbers } नंबर जोड़े या बदले जाएँगे। चालू अभियान आते ही उन्हें कॉल करेंगे।
numbers-title = नंबर जिस पर कॉल नहीं करनी
numbers-help = यह किसी लॉग या सूची में नहीं जाता। मिटाने पर उसकी रिकॉर्डिंग और टिप्पणियाँ भी हमेशा के लिए जाती हैं।
number = नंबर
number-names = और उस पर के मतदाताओं के नाम
ask-number-suppress = कोई अभियान { $number } को फिर कॉल नहीं करेगा, नई सूची आने पर भी। इसे वापस नहीं लिया जा सकता।
ask-number-erase = { $number } अपनी रिकॉर्डिंग और टिप्पणियों के साथ मिटेगा, और फिर कभी कॉल नहीं होगी। इसे वापस नहीं लिया जा सकता।
problem-no-roll = यह मतदाता सूची नहीं है: .csv या .xlsx फ़ाइल दें।
problem-list-busy = एक और सूची जाँची या ली जा रही है: उसके होने तक रुकें।
problem-no-list = वह सूची अब नहीं है: फिर से दें।
problem-no-room = डिस्क पर इसके लिए जगह कम है: पहले जगह ख़ाली करें।
problem-no-number = यह टेलीफ़ोन नंबर नहीं है, या एक से ज़्यादा हैं।

## Recordings

to-recordings = रिकॉर्डिंग
recordings-help = रखी गई रिकॉर्ड की हुई बातचीत, बिना नाम और नंबर के। जो सुनता है, उसका नाम ऑडिट में दर्ज होता है।
recordings-none = यहाँ कोई रिकॉर्डिंग नहीं रखी है।
recordings-older = और पुरानी
recorded-at = शुरू हुई
recorded-duration = चली
recorded-seat = सीट
recorded-agent = एजेंट
recording-of = { $at } की रिकॉर्डिंग
recording-play-of = { $at } की रिकॉर्डिंग सुनें
do-recording-play = सुनें
problem-recording-deleted = वह रिकॉर्डिंग अब नहीं है।
problem-playback-expired = "सुनें" फिर दबाएँ: रिकॉर्डिंग पंद्रह मिनट के लिए मिलती है।
problem-recordings-unreadable = रिकॉर्डिंग का फ़ोल्डर पढ़ा नहीं जा सकता: मशीन चलाने वाले को बताएँ।
