### मुख्यालय के पेज के शब्द हिन्दी में।

headquarters = मुख्यालय
views = मुख्यालय के पेज
view-figures = मुख्य आँकड़े
view-incidents = घटनाएँ
view-material = अभियान सामग्री
view-orders = केंद्रों के आदेश
view-days = दैनिक परिणाम
view-ready = तैयारी की जाँच
view-audit = ऑडिट लॉग
status = संपर्क की स्थिति
status-nats = संदेश सर्वर
status-database = डेटाबेस
status-up = { $system } से संपर्क ठीक है
status-down = { $system } से संपर्क टूटा हुआ है
stale-desk = मुख्यालय से { $ago } से कोई अपडेट नहीं। आँकड़े पुराने हो सकते हैं। केंद्रों का काम जारी है।
stale-database = डेटाबेस जवाब नहीं दे रहा। उसके आँकड़े { $ago } पुराने हैं। केंद्रों का काम जारी है और वे अपने परिणाम सहेजते हैं।
stale-nats = संदेश सर्वर से संपर्क टूटा है: ताज़ा आँकड़े पुराने हैं। केंद्रों का काम जारी है।

role-headquarters = मुख्यालय कर्मचारी
role-zone = ज़ोन समन्वयक
role-media = मीडिया टीम
role-compliance = अनुपालन अधिकारी
role-viewer = दर्शक (केवल देखना)

problem-other-zone = यह घटना, प्रस्ताव या केंद्र आपके ज़ोन का नहीं है। उस ज़ोन या मुख्यालय के किसी उपयोगकर्ता से कहें।
problem-no-owner = यह उपयोगकर्ता इस ज़ोन की घटनाओं का ज़िम्मेदार नहीं हो सकता। किसी दूसरे को चुनें।
problem-no-incident = यह घटना बंद हो चुकी है या दूसरे ज़ोन की है।
problem-not-approved = सामग्री का यह संस्करण स्वीकृत नहीं है। पहले मीडिया और अनुपालन के हस्ताक्षर ज़रूरी हैं।
problem-no-proposal = इस प्रस्ताव का उत्तर दिया जा चुका है या यह दूसरे ज़ोन का है।
problem-own-proposal = यह प्रस्ताव आपका अपना है। इसकी पुष्टि या अस्वीकृति कोई दूसरा व्यक्ति करता है।
problem-proposal-expired = एक दिन में किसी ने उत्तर नहीं दिया, इसलिए इस प्रस्ताव की अवधि समाप्त हो गई। इसे फिर से रखें।
problem-no-rollout = अभियान सामग्री का यह चरणबद्ध वितरण समाप्त हो चुका है, या इसकी पुष्टि एक दिन से पुरानी है। इसका प्रस्ताव फिर से रखें।

## आँकड़े

tile-seats = साइन इन एजेंट
of-planned = { $planned } एजेंट नियोजित हैं
not-planned = एजेंटों की संख्या तय नहीं
tile-contacts = प्रति सीट-घंटा संपर्क
of-target = लक्ष्य: प्रति सीट-घंटा { $target } संपर्क
no-target = प्रति सीट-घंटा संपर्क का कोई लक्ष्य तय नहीं
tile-abandoned = आज छूटी कॉल की दर
of-cap = उत्तर मिली कॉल में छूटी कॉल का हिस्सा; सबसे कम सीमा { $cap } है
no-cap = उत्तर मिली कॉल में छूटी कॉल का हिस्सा
tile-completed = कॉल सूचियों का पूरा हुआ हिस्सा
of-expected = कॉल सूचियों का अब तक अपेक्षित पूरा हिस्सा: { $share }
no-expected-curve = अपेक्षित मतदान सेटिंग में नहीं है
tile-voted = वोट दे चुके संपर्क हुए मतदाता
of-official = आधिकारिक मतदान { $share } ({ $at } तक)
no-official = अभी कोई आधिकारिक मतदान आँकड़ा नहीं
official-short = आधिकारिक मतदान { $share }
tile-time-left = कॉल सूचियाँ पूरी होने का अनुमानित समय
list-left = { $due } नंबर शेष; मतदान { $left } घंटे में समाप्त
tile-online = ऑनलाइन केंद्र
oldest-results = सबसे धीमे केंद्र से मिला आख़िरी परिणाम:
tile-lag = केंद्रों के बीच मनाही पहुँचने की देरी
lag-help = मनाही दूसरे केंद्र तक पहुँचने का सबसे लंबा समय
hours = { $hours } घंटे
seconds = { $seconds } सेकंड
never = अभी कोई अपडेट नहीं

map = ज़ोन का नक्शा
zone-bad = { $centres } में से { $bad } केंद्रों में समस्या
level-bad = समस्या वाला केंद्र
level-near = लक्ष्य से पीछे केंद्र
level-good = बिना समस्या का केंद्र
level-none = केंद्र कभी ऑनलाइन नहीं
path = चुना गया ज़ोन और केंद्र
all-zones = सभी ज़ोन
centres-by = केंद्र और उनके आँकड़े
constituencies = इस केंद्र के विधानसभा क्षेत्र
booths = इस विधानसभा क्षेत्र के बूथ
zone = ज़ोन
state = राज्य
centre = केंद्र
constituency = विधानसभा क्षेत्र
booth = बूथ
order-by = इस तालिका का क्रम
order-problems = समस्या वाले केंद्र पहले
order-name = ज़ोन या केंद्र का नाम
order-work = प्रति सीट-घंटा संपर्क, उत्तर दर के अनुसार समायोजित
age-live = पिछला ताज़ा अपडेट
age-results = पिछले मिले परिणाम
age-figure = आँकड़ों की आयु
seats = साइन इन एजेंट
contacts = प्रति सीट-घंटा संपर्क
abandoned = छूटी कॉल की दर
reached = कॉल सूची का पूरा हुआ हिस्सा
voted = सूचित मतदान
list = कॉल के लिए शेष नंबर
material = अभियान सामग्री
state-of = केंद्र की समस्याएँ
reached-voters = संपर्क हुए मतदाता
voted-voters = वोट दे चुके बताए गए मतदाता
not-yet = अभी वोट न देने वाले मतदाता
official = आधिकारिक मतदान
material-behind = { $behind } केंद्रों में सौंपी गई सामग्री नहीं
incidents-open =
    { $open ->
        [one] { $open } खुली घटना
       *[other] { $open } खुली घटनाएँ
    }
no-areas = यहाँ अभी किसी मतदाता से संपर्क नहीं हुआ।
no-centres = कोई केंद्र नहीं। उन्हें सेटिंग फ़ाइल में जोड़ें।
none-online = कोई केंद्र ऑनलाइन नहीं है। उनके अपलिंक और संदेश सर्वर जाँचें।
campaigns = अभियान
campaign-running = अभियान { $campaign } चालू है
campaign-paused = अभियान { $campaign } विराम पर है
campaign-stopped = अभियान { $campaign } रुका हुआ है
live-calls = चालू कॉल
lag = केंद्रों के बीच मनाही पहुँचने की देरी
lost = मुख्यालय पहुँचने से पहले खोए परिणाम
alerts = चेतावनियाँ

fault-none = केंद्र में कोई समस्या नहीं
fault-never-online = केंद्र कभी ऑनलाइन नहीं
fault-offline = केंद्र ऑफ़लाइन
fault-dialler-down = डायलर या एस्टरिस्क का संपर्क टूटा
fault-trouble = मुख्यालय केंद्र के परिणाम अस्वीकार करता है, या केंद्र की घड़ी ग़लत है
fault-critical = केंद्र में गंभीर चेतावनी
fault-over-cap = छूटी कॉल की दर सीमा से ऊपर
fault-material = अभियान सामग्री सौंपे गए संस्करण से अलग
fault-seats = योजना से कम एजेंट साइन इन
fault-contacts = प्रति सीट-घंटा संपर्क लक्ष्य से कम
fault-list-short = कॉल सूची मतदान समाप्त होने से पहले पूरी हो जाएगी
fault-list-long = मतदान समाप्त होने तक कॉल सूची पूरी नहीं होगी

## घटनाएँ

incidents = घटनाएँ
where = घटना का ज़ोन या केंद्र
incident-text = घटना का विवरण
incident-open = घटना खोलें
incident-opened = घटना खोली गई। जब तक किसी और को न सौंपी जाए, वह आपकी है।
incident-owned = घटना का नया ज़िम्मेदार तय हुआ।
incident-closed = घटना बंद हुई।
incident-owner = घटना का नया ज़िम्मेदार
ask-owner = इस घटना का नया ज़िम्मेदार चुनें।
owner = घटना का ज़िम्मेदार
incident-assign = घटना किसी को सौंपें…
incident-take = घटना मुझे सौंपें
incident-close = घटना बंद करें
incident-opened-by = { $name } ने { $ago } पहले घटना खोली
owned-by = घटना का ज़िम्मेदार: { $owner }
no-incidents = कोई खुली घटना नहीं।
zone-named = ज़ोन { $zone }

## सामग्री और आदेश

version = अभियान सामग्री और संस्करण
propose = अभियान सामग्री का प्रस्ताव रखें
proposed = प्रस्ताव भेजा गया। किसी दूसरे व्यक्ति को इसकी पुष्टि करनी या इसे अस्वीकार करना होगा।
material-to = जिन केंद्रों को अभियान सामग्री मिलेगी
resume-to = जिन केंद्रों के रोके गए अभियान फिर कॉल कर सकेंगे
proposals = सामग्री सौंपने या अभियान फिर शुरू करने के प्रस्ताव
proposal-material = { $to } को अभियान सामग्री { $text } सौंपें
proposal-rollout = अभियान सामग्री { $text } को चरणों में { $to } तक पहुँचाएँ
proposal-resume = { $to } के अभियान फिर शुरू करें। कारण: { $text }
confirm = प्रस्ताव की पुष्टि करें
decline = प्रस्ताव अस्वीकार करें
confirm-material = आपकी पुष्टि के बाद केंद्र सामग्री कुछ सेकंड में इंस्टॉल करेंगे।
confirm-rollout = आपकी पुष्टि के बाद मुख्यालय की मशीन पर `dialer hq bundle waves` से वितरण शुरू करें।
confirm-resume = आपकी पुष्टि के बाद दो नेता अपनी मशीनों पर आदेश पर हस्ताक्षर करते हैं: dialer hq order resume
confirmed = प्रस्ताव की पुष्टि हो गई।
declined = प्रस्ताव अस्वीकार किया गया।
assigning-failed = अभियान सामग्री केंद्रों को नहीं सौंपी गई: { $text }
proposed-by = { $name } ने प्रस्ताव रखा, { $at }
answered-by = प्रस्ताव का उत्तर: { $state }, { $name }, { $at }
proposal-is-confirmed = प्रस्ताव की पुष्टि हुई
proposal-is-declined = प्रस्ताव अस्वीकार हुआ
proposal-is-expired = प्रस्ताव की अवधि बिना उत्तर के समाप्त हुई
proposal-is-done = अभियान सामग्री केंद्रों को सौंपी गई
proposal-is-failed = अभियान सामग्री केंद्रों को नहीं सौंपी गई
second-person = यह प्रस्ताव किसी दूसरे व्यक्ति की पुष्टि की प्रतीक्षा में है।
approved = मीडिया और अनुपालन से स्वीकृत सामग्री: { $versions }
nothing-approved = कोई अभियान सामग्री स्वीकृत नहीं है। सामग्री का एक बंडल बनाएँ और उस पर मीडिया और अनुपालन के हस्ताक्षर करवाएँ।
ordered = केंद्रों को सौंपी गई अभियान सामग्री
running = केंद्रों में उपयोग की अभियान सामग्री
in-centres = अभियान सामग्री { $material } { $centres } केंद्रों में उपयोग हो रही है
not-there-yet = जिन केंद्रों में सौंपी गई अभियान सामग्री अभी इंस्टॉल नहीं हुई: { $names }
orders = केंद्रों के आदेश
orders-help = नेता अपनी मशीनों पर आदेशों पर हस्ताक्षर करते हैं (dialer hq order)। यह पेज लागू आदेश और केंद्रों के उत्तर दिखाता है।
no-orders = कोई आदेश लागू नहीं है।
order-stop-all = सभी अभियान रोकें
order-pause = अभियान को विराम दें
order-resume = अभियान फिर शुरू करें
order-quota = अभियान की कॉल सीमित करें
order-done = { $done } केंद्रों ने आदेश पूरा किया
order-missing = इन केंद्रों से आदेश का उत्तर नहीं: { $names }
resume-why = अभियान फिर शुरू करने का कारण
propose-resume = अभियान फिर शुरू करने का प्रस्ताव रखें

## दिन

days = पिछले 31 दिनों के परिणाम
chart-calls = प्रति दिन कॉल, संपर्क और वोट
chart-summary = { $days } दिनों में { $calls } कॉल और { $contacts } संपर्क।
chart-work = प्रति सीट-घंटा संपर्क
chart-abandoned = उत्तर मिली कॉलों में छूटी कॉल का हिस्सा
chart-seats = सीट-घंटे
calls = लगाई गई कॉल
contacts-made = संपर्क हुए मतदाता
marked-voted = वोट दे चुके बताए गए मतदाता
seat-hours = सीट-घंटे
no-days = अभी कोई परिणाम नहीं। हर दिन अपनी पहली कॉल के बाद दिखता है।

## तैयारी

ready = तैयारी की जाँच
ready-help = परीक्षण संदेश केंद्र के डायलर से इस पेज तक आता है। मतदान से पहले के सप्ताह में हर केंद्र से एक भेजें। एक सप्ताह से पुराने संदेश नहीं गिने जाते।
ready-summary = { $centres } में से { $ready } केंद्र पिछले सप्ताह जाँचे गए
test-mark = पिछला परीक्षण संदेश
test-never = कोई परीक्षण संदेश नहीं मिला
transit-time = परीक्षण संदेश पहुँचने का समय
connection = केंद्र का संपर्क
centre-online = केंद्र ऑनलाइन
centre-offline = केंद्र ऑफ़लाइन

## लेखा

audit = ऑडिट लॉग
audit-help = उपयोगकर्ताओं की कार्रवाइयाँ और नेताओं के आदेश, सबसे नए पहले। आदेश "dialer hq audit" सभी कार्रवाइयाँ दिखाता है और जाँचता है कि कोई प्रविष्टि बदली नहीं गई।
number = ऑडिट लॉग में संख्या
action = ऑडिट लॉग की कार्रवाई
user = कार्रवाई करने वाला उपयोगकर्ता
what = कार्रवाई का विवरण
action-account-set = उपयोगकर्ता का खाता जोड़ा या बदला गया
action-account-removed = उपयोगकर्ता का खाता हटाया गया
action-incident-opened = घटना खोली गई
action-incident-assigned = घटना सौंपी गई
action-incident-closed = घटना बंद की गई
action-material-proposed = अभियान सामग्री सौंपने का प्रस्ताव रखा गया
action-material-answered = अभियान सामग्री सौंपने के प्रस्ताव का उत्तर दिया गया
action-material-settled = अभियान सामग्री सौंपने का परिणाम दर्ज किया गया
action-rollout-proposed = अभियान सामग्री के चरणबद्ध वितरण का प्रस्ताव रखा गया
action-rollout-answered = अभियान सामग्री के चरणबद्ध वितरण के प्रस्ताव का उत्तर दिया गया
action-rollout-assigned = केंद्रों के एक चरण को अभियान सामग्री सौंपी गई
action-rollout-settled = अभियान सामग्री का चरणबद्ध वितरण समाप्त
action-withdrawal-drafted = अभियान सामग्री वापस लेने का मसौदा हस्ताक्षर के लिए तैयार
action-resume-proposed = अभियान फिर शुरू करने का प्रस्ताव रखा गया
action-resume-answered = अभियान फिर शुरू करने के प्रस्ताव का उत्तर दिया गया
action-material-published = प्रचार सामग्री का संस्करण स्वीकृत या वापस
action-order-sent = हस्ताक्षरित आदेश केंद्रों को भेजा गया
action-audit-end-accepted = डेटाबेस वापस लाने के बाद छोटा ऑडिट लॉग स्वीकार किया गया
