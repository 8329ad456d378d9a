### मुख्यालय के पेज के शब्द हिन्दी में।

headquarters = मुख्यालय
views = पेज
view-figures = आँकड़े
view-incidents = घटनाएँ
view-material = सामग्री
view-orders = आदेश
view-days = दिन
view-ready = तैयारी
view-audit = लेखा
status = स्थिति
status-nats = सर्वर
status-database = डेटाबेस
status-up = चालू
status-down = बंद
stale-desk = मुख्यालय से { $ago } से कोई अपडेट नहीं। आँकड़े पुराने हो सकते हैं। केंद्र चल रहे हैं।
stale-database = डेटाबेस से जवाब नहीं मिला: उसके आँकड़े { $ago } पुराने हैं। केंद्र चलते रहते हैं और सब अपने पास रखते हैं।
stale-nats = सर्वर से संपर्क टूटा है: ताज़ा आँकड़े पुराने हैं। केंद्र चल रहे हैं।

role-headquarters = मुख्यालय
role-zone = ज़ोन प्रभारी
role-media = मीडिया
role-compliance = अनुपालन
role-viewer = दर्शक

problem-other-zone = यह आपके ज़ोन का नहीं है।
problem-no-owner = उनका ऐसा कोई खाता नहीं है जो इस ज़ोन की घटनाएँ देख सके।
problem-no-incident = वह घटना बंद हो चुकी है, या आपके ज़ोन की नहीं है।
problem-not-approved = यह संस्करण मंज़ूर नहीं है: पहले मीडिया और अनुपालन हस्ताक्षर करें।
problem-no-proposal = उस प्रस्ताव का जवाब दिया जा चुका है, या वह आपके ज़ोन का नहीं है।
problem-own-proposal = इसका जवाब कोई दूसरा व्यक्ति देता है, आप नहीं।

## आँकड़े

tile-seats = साइन इन सीटें
of-planned = { $planned } तय थीं
not-planned = कोई तय नहीं
tile-contacts = प्रति सीट-घंटा बातचीत
of-target = लक्ष्य { $target }
no-target = कोई लक्ष्य नहीं
tile-abandoned = आज छूटे कॉल
of-cap = लोगों के उठाए कॉल में से; सबसे कम सीमा { $cap }
no-cap = लोगों के उठाए कॉल में से
tile-completed = सूची पूरी
of-expected = अब तक अपेक्षित: { $share }
no-expected-curve = अपेक्षित मतदान तय नहीं
tile-voted = जिनसे बात हुई उनमें मतदान
of-official = आधिकारिक { $share }, { $at }
no-official = कोई आधिकारिक आँकड़ा नहीं
official-short = आधिकारिक { $share }
tile-time-left = सूची पूरी होने में समय
list-left = { $due } नंबर शेष; मतदान { $left } घंटे में बंद
tile-online = ऑनलाइन केंद्र
oldest-results = सबसे पुरानी पंक्ति
tile-lag = मनाही पहुँचने में देरी
lag-help = दूसरे केंद्र में दर्ज होने तक, सबसे लंबी
hours = { $hours } घंटे
seconds = { $seconds } सेकंड
never = कभी नहीं

map = ज़ोन
zone-bad = { $centres } में से { $bad } में समस्या
level-bad = समस्या
level-near = पीछे
level-good = ठीक
level-none = कभी ऑनलाइन नहीं
path = स्थान
all-zones = सभी ज़ोन
centres-by = केंद्र
constituencies = विधानसभा क्षेत्र
booths = बूथ
zone = ज़ोन
state = राज्य
centre = केंद्र
constituency = विधानसभा क्षेत्र
booth = बूथ
order-by = क्रम
order-problems = सबसे खराब पहले
order-name = नाम से
order-work = प्रति सीट-घंटा बातचीत, एक जैसी उत्तर दर पर
age-live = लाइन
age-results = पंक्तियाँ
age-figure = उम्र
seats = सीटें
contacts = प्रति सीट-घंटा बातचीत
abandoned = छूटे
reached = सूची पूरी
voted = मतदान
list = शेष
material = सामग्री
state-of = स्थिति
reached-voters = संपर्क हुआ
voted-voters = कहा कि मत दिया
not-yet = अभी नहीं
official = आधिकारिक
material-behind = { $behind } पीछे
incidents-open = { $open ->
    [one] { $open } घटना
   *[other] { $open } घटनाएँ
}
no-areas = यहाँ अभी किसी मतदाता ने कुछ नहीं बताया।
no-centres = कोई केंद्र नहीं है। सेटिंग की फ़ाइल में उन्हें जोड़ें।
none-online = कोई केंद्र ऑनलाइन नहीं है। उनके अपलिंक और सर्वर जाँचें।
campaigns = अभियान
campaign-running = चालू
campaign-paused = रुका हुआ
campaign-stopped = बंद
live-calls = चालू कॉल
lag = मनाही में देरी
lost = खोई पंक्तियाँ
alerts = चेतावनियाँ

fault-none = सब ठीक
fault-never-online = कभी ऑनलाइन नहीं
fault-offline = ऑफ़लाइन
fault-dialler-down = डायलर या स्विच बंद
fault-trouble = पंक्तियाँ लौटाई गईं, या घड़ी गलत है
fault-critical = गंभीर चेतावनी
fault-over-cap = छूटे कॉल सीमा से ऊपर
fault-material = सामग्री आदेश जैसी नहीं
fault-seats = सीटें कम
fault-contacts = बातचीत लक्ष्य से पीछे
fault-list-short = सूची दिन से पहले खत्म
fault-list-long = सूची दिन से लंबी

## घटनाएँ

incidents = घटनाएँ
where = कहाँ
incident-text = क्या गड़बड़ है
incident-open = घटना दर्ज करें
incident-opened = घटना दर्ज हुई; जब तक कोई और न ले, वह आपकी है।
incident-owned = घटना अब किसी और के पास है।
incident-closed = घटना बंद हुई।
incident-owner = इसे कौन देखेगा?
ask-owner = अब से यह घटना उनकी है।
owner = ज़िम्मेदार
incident-assign = इन्हें दें…
incident-take = मैं लेता हूँ
incident-close = बंद करें
incident-opened-by = { $name } ने दर्ज की, { $ago } पहले
owned-by = ज़िम्मेदार: { $owner }
no-incidents = कोई घटना खुली नहीं है।
zone-named = ज़ोन { $zone }

## सामग्री और आदेश

version = संस्करण
propose = प्रस्ताव रखें
proposed = प्रस्ताव रखा गया: कोई दूसरा व्यक्ति जवाब देगा।
proposals = प्रस्ताव
proposal-material = { $to } के लिए सामग्री { $text }
proposal-resume = { $to } को चलने दें: { $text }
confirm = पुष्टि करें
decline = मना करें
confirm-material = ये केंद्र इसे कुछ सेकंड में ले लेते हैं।
confirm-resume = फिर दो नेता अपनी मशीनों पर हस्ताक्षर करते हैं: dialer command
confirmed = पुष्टि हो गई।
declined = मना किया गया।
assigning-failed = नहीं दिया जा सका: { $text }
proposed-by = { $name } ने प्रस्ताव रखा, { $at }
answered-by = { $name } ने जवाब दिया: { $state }, { $at }
proposal-is-confirmed = पुष्टि
proposal-is-declined = मना
proposal-is-done = दिया गया
proposal-is-failed = नहीं दिया गया
second-person = दूसरे व्यक्ति का इंतज़ार है
approved = मीडिया और अनुपालन से मंज़ूर: { $versions }
nothing-approved = कोई सामग्री मंज़ूर नहीं है।
ordered = तय संस्करण
running = सक्रिय
in-centres = { $centres } केंद्रों में
not-there-yet = अभी नहीं पहुँची: { $names }
orders = आदेश
orders-help = नेता अपनी मशीनों पर आदेशों पर हस्ताक्षर करते हैं। यहाँ वह है जो लागू है, और केंद्रों ने क्या जवाब दिया।
no-orders = कोई आदेश लागू नहीं है।
order-stop-all = सब रोकें
order-pause = रोकें
order-resume = चलाएँ
order-quota = कोटा
order-done = { $done } ने पूरा किया
order-missing = इनसे जवाब नहीं: { $names }
resume-why = वे क्यों चलें
propose-resume = चलाने का प्रस्ताव

## दिन

days = पिछला महीना
chart-calls = कॉल, बातचीत, मतदान, हर दिन
chart-summary = { $days } दिनों में { $calls } कॉल और { $contacts } बातचीत।
chart-work = प्रति सीट-घंटा बातचीत
chart-abandoned = छूटे कॉल, लोगों के उठाए कॉल में से
chart-seats = सीट-घंटे
calls = कॉल
contacts-made = बातचीत
marked-voted = कहा कि मत दिया
seat-hours = सीट-घंटे
no-days = अभी कोई दिन गिना नहीं गया।

## तैयारी

ready = तैयारी
ready-help = परीक्षण का निशान पूरा रास्ता तय करता है, केंद्र के डायलर से इस पेज तक: एक हफ़्ता पहले हर केंद्र में। एक हफ़्ते से पुराना नहीं गिना जाता।
ready-summary = { $centres } में से { $ready } जाँचे गए
test-mark = परीक्षण का निशान
test-never = कोई नहीं आया
transit-time = रास्ते में
connection = लाइन अभी
centre-online = ऑनलाइन
centre-offline = ऑफ़लाइन

## लेखा

audit = लेखा
audit-help = यहाँ लोगों ने क्या किया, नया सबसे ऊपर। पूरी शृंखला मुख्यालय की मशीन पर जाँची जाती है।
number = क्रमांक
action = कार्रवाई
user = उपयोगकर्ता
what = विवरण
action-account-set = खाता बनाया या बदला
action-account-removed = खाता हटाया
action-incident-opened = घटना दर्ज
action-incident-assigned = घटना सौंपी
action-incident-closed = घटना बंद
action-material-proposed = सामग्री का प्रस्ताव
action-material-answered = सामग्री का जवाब
action-material-settled = पुष्टि के बाद निपटाया
action-resume-proposed = चलाने का प्रस्ताव
action-resume-answered = चलाने का जवाब
action-audit-end-accepted = लेखा का अंत स्वीकार
