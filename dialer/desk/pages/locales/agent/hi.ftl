### एजेंट के पेज के शब्द हिन्दी में।

title-agent = एजेंट की डेस्क

## साइन इन

agent-number = एजेंट नंबर
pin = पिन
seat = सीट
choose-seat = अपनी सीट चुनें
seat-in-use = सीट उपयोग में है
phone-own = आप इस सीट के फ़ोन का उपयोग करते हैं। साइन इन के बाद उसकी घंटी बजेगी।
phone-browser = आप हेडसेट के साथ इसी ब्राउज़र का उपयोग करते हैं।
open-elsewhere = सीट { $seat } किसी दूसरी विंडो या कंप्यूटर पर खुली है। वहीं काम जारी रखें, या उसे यहाँ इस्तेमाल करें।
used-elsewhere = सीट { $seat } अब दूसरी विंडो में इस्तेमाल हो रही है। केवल वहाँ दर्ज नतीजे सहेजे जाते हैं।
use-here = यह सीट इस विंडो में इस्तेमाल करें
agent = एजेंट { $agent }

problem-pin-wrong = एजेंट नंबर या पिन गलत है।
problem-seat-locked = इस डिवाइस या इस सीट पर बहुत बार गलत पिन डाला गया। { $minutes } मिनट रुकें, या पर्यवेक्षक से सीट { $seat } का लॉक हटवाएँ।
problem-agent-elsewhere = आप सीट { $seat } पर साइन इन हैं। पहले वहाँ लॉग ऑफ़ करें।
problem-seat-taken = कोई दूसरा एजेंट इस सीट का उपयोग कर रहा है।
problem-no-seat = यह सीट अब नहीं है। पेज फिर से लोड करें।
problem-clocks = डेस्क सर्वर और डायलर की घड़ियाँ अलग हैं। पर्यवेक्षक को बताएँ।
problem-phone-kind = इस सीट पर अब दूसरी तरह का फ़ोन है। पेज फिर से लोड करें।
problem-no-agents = इस केंद्र में एजेंटों का साइन इन चालू नहीं है। पर्यवेक्षक को बताएँ।
problem-refused = डायलर ने मना किया: { $text }
problem-away = कुछ भेजा नहीं गया: डेस्क सर्वर का ब्रोकर से संपर्क नहीं है। फिर कोशिश करें।
problem-unanswered = डायलर ने जवाब नहीं दिया। फिर कोशिश करें।
problem-open-elsewhere = सीट दूसरी विंडो में खुली है। उसी विंडो में काम जारी रखें।
problem-late = कॉल पहले ही समाप्त हो चुकी है। कुछ नहीं बदला।
problem-note-late = कॉल समाप्त हो चुकी है। टिप्पणी सहेजी नहीं गई।
problem-no-coaching-note = इस बीच यह टिप्पणी हटा दी गई।

## सीट की स्थिति

time-left = { $left } शेष
wrap-up-left = रैप-अप का शेष समय
stale-desk = डेस्क से { $ago } से कोई अपडेट नहीं। पेज पुराना हो सकता है।
stale-broker = डायलर से { $ago } से कोई अपडेट नहीं। पेज पुराना हो सकता है।
stale-dialler = डायलर का डेस्क से संपर्क टूट गया है। पेज पुराना हो सकता है।
phone-keys-work = कॉल जारी रहती है, और आप फ़ोन के बटनों से नतीजे दर्ज कर सकते हैं।
browser-call-continues = कॉल जारी रहती है। नतीजे यहीं दर्ज करते रहें: संपर्क लौटने पर वे भेजे जाएँगे।
seat-controls = आपकी सीट के बटन
call-controls = कॉल के बटन
idle-ready = अगले मतदाता की प्रतीक्षा
idle-reserved = अगली कॉल जोड़ी जा रही है।
idle-talking = मतदाता लाइन पर है। उसका विवरण अभी दिखेगा।
idle-wrap-up = कॉल समाप्त हुई।
idle-paused = आप विराम पर हैं और आपको कॉल नहीं मिलतीं।
idle-lost = आपका फ़ोन कट गया है। हर कुछ सेकंड में उसकी घंटी बजती है: उसे उठाएँ।
idle-lost-browser = आपका फ़ोन कट गया है। यह पेज उसे अपने-आप फिर जोड़ता है।
idle-offline = आप लॉग ऑफ़ हैं।
idle-unknown = आपकी सीट की स्थिति की प्रतीक्षा…
call-cancelled = कॉल रद्द की गई: मतदाता ने उत्तर नहीं दिया या अब कॉल की ज़रूरत नहीं है।

## पेज का फ़ोन

phone = आपका फ़ोन
phone-state-off = फ़ोन बंद
phone-state-asking = माइक्रोफ़ोन की अनुमति दें
phone-state-registering = फ़ोन जुड़ रहा है…
phone-state-ready = फ़ोन तैयार
phone-state-on-call = फ़ोन कॉल पर
phone-state-lost = फ़ोन कटा
phone-state-refused = फ़ोन उपलब्ध नहीं
phone-level = माइक्रोफ़ोन का स्तर
phone-voter-level = मतदाता की आवाज़ का स्तर
phone-microphone = माइक्रोफ़ोन
phone-speaker = स्पीकर
phone-default-device = सिस्टम का डिफ़ॉल्ट
phone-tone = कॉल आने पर ध्वनि
phone-tone-none = कोई ध्वनि नहीं
phone-tone-low = नीचा स्वर
phone-tone-high = ऊँचा स्वर
phone-mute = माइक्रोफ़ोन म्यूट करें
phone-muted = म्यूट: मतदाता आपको नहीं सुन सकता
quality-good = आवाज़ का संपर्क अच्छा
quality-unstable = आवाज़ का संपर्क अस्थिर
quality-poor = आवाज़ का संपर्क ख़राब
quality-unstable-help = शब्द छूट सकते हैं। नेटवर्क वाले दूसरे प्रोग्राम बंद करें, या नेटवर्क केबल लगाएँ।
quality-poor-help = आप और मतदाता एक-दूसरे को शायद न समझ पाएँ। फिर फ़ोन करने को कहें, और पर्यवेक्षक को बताएँ।
quality-figures = खोए पैकेट: { $loss }, जिटर: { $jitter }, आने-जाने का समय: { $trip }
phone-check-help = आवाज़ की जाँच में बोलिए: आप ख़ुद को वैसे ही सुनेंगे जैसे मतदाता सुनता है।
phone-check = आवाज़ जाँचें
phone-checking = अब बोलिए…
phone-check-passed = आपका माइक्रोफ़ोन काम कर रहा है। आपको अपनी आवाज़ सुनाई दी होगी।
phone-reconnect = फ़ोन फिर जोड़ें
phone-problem-microphone-refused = ब्राउज़र माइक्रोफ़ोन को रोक रहा है। पेज के पते के पास अनुमति दें, फिर "फ़ोन फिर जोड़ें" दबाएँ।
phone-problem-no-microphone = माइक्रोफ़ोन नहीं मिला। हेडसेट लगाएँ, फिर जोड़ें।
phone-problem-microphone-busy = कोई दूसरा प्रोग्राम माइक्रोफ़ोन का उपयोग कर रहा है। उसे बंद करें, फिर जोड़ें।
phone-problem-microphone-gone = माइक्रोफ़ोन निकल गया: मतदाता आपको नहीं सुन सकता। हेडसेट लगाएँ।
phone-problem-speaker = यह स्पीकर काम नहीं कर रहा। दूसरा चुनें।
phone-problem-not-secure = ब्राउज़र केवल https पर माइक्रोफ़ोन की अनुमति देता है। डेस्क को उसके https पते से खोलें।
phone-problem-taken = यह सीट अब दूसरी विंडो का फ़ोन इस्तेमाल करती है।
phone-problem-signed-out = आप साइन आउट हैं। फिर से साइन इन करें।
phone-problem-not-registered = फ़ोन प्रणाली इस फ़ोन को स्वीकार नहीं करती। पर्यवेक्षक को बताएँ।
phone-problem-no-desk = फ़ोन का संपर्क टूटा है और वह फिर जुड़ रहा है। चल रही कॉल जारी रहती है।
phone-problem-no-echo = कोई आवाज़ नहीं मिली। हेडसेट और माइक्रोफ़ोन जाँचें, फिर कोशिश करें।
phone-problem-not-ready = फ़ोन अभी जुड़ा नहीं है। कुछ पल बाद फिर जाँचें।
phone-problem-own-phone = इस सीट का अपना फ़ोन है। पेज फिर से लोड करें।
phone-problem-no-phone = इस केंद्र में ब्राउज़र के फ़ोन चालू नहीं हैं। पर्यवेक्षक को बताएँ।
phone-problem-other = फ़ोन काम नहीं कर रहा। फिर जोड़ें, या पर्यवेक्षक को बताएँ।

## लाइन पर कौन है

on-the-line = लाइन पर व्यक्ति
next-voter = अगला मतदाता
booth-worker = बूथ कार्यकर्ता
not-in-list = व्यक्ति मतदाता सूची में नहीं
relation-f = पिता का नाम
relation-m = माता का नाम
relation-h = पति का नाम
relation-o = संबंधी का नाम
gender-m = पुरुष
gender-f = महिला
gender-o = तृतीय लिंग
age = { $age } वर्ष
house = मकान
serial = क्रम संख्या { $serial }
booth = बूथ
part = मतदाता सूची का भाग { $part }
poll-closes = मतदान का समय { $hours }, समाप्त होने में { $left }
poll-closed = मतदान का समय { $hours }, मतदान समाप्त
poll-opens = मतदान { $day } को, समय { $hours }
household-pending = परिवार में अभी इनके बारे में पूछना है: { $voters }
household-others = इस फ़ोन नंबर पर अन्य मतदाता
other-outcome-of = { $name } के लिए अन्य नतीजा
show-all = पूरा लेख दिखाएँ
show-less = कम लेख दिखाएँ
opted-out = इस नंबर ने कॉल से मना किया है। मतदाता को धन्यवाद कहें और फ़ोन रखें।
recorded-elsewhere = { $name }: { $mark }। किसी और ने अभी यह नतीजा दर्ज किया है।
about-call = इस कॉल के बारे में
previous-note = पिछली कॉल की टिप्पणी
lawful = इस कॉल की अनुमति क्यों है
lawful-called-us = मतदाता ने हमें फ़ोन किया, इसलिए यह कॉल करने की अनुमति है।
lawful-asked-for = मतदाता ने यह कॉल माँगी थी, इसलिए इसकी अनुमति है।
lawful-consent = मतदाता ने कॉल के लिए सहमति दी है, इसलिए इस कॉल की अनुमति है।
lawful-not-listed = नंबर किसी डू-नॉट-कॉल रजिस्टर ({ $registers }) में नहीं है, और यह कॉल का समय है।
lawful-allowed = कॉल के नियम इस समय इस कॉल की अनुमति देते हैं।
lawful-unknown = इस कॉल की अनुमति का कारण दर्ज नहीं है। मतदाता जानना चाहे तो अपने पर्यवेक्षक से पूछें।
marks = इस मतदाता की जानकारी
at-hour = { $hour }:00 बजे
previous-calls = { $calls ->
    [0] पहले फ़ोन नहीं किया गया
   *[other] पहले { $calls } बार फ़ोन किया गया
}
previous-calls-latest = केवल पिछली { $calls } कॉल दिखाई गई हैं।

mark-voted = वोट दे चुके
mark-not-yet = अभी वोट नहीं दिया
mark-later = बाद में जाएँगे
mark-will-not = वोट नहीं देंगे
mark-wrong-number = गलत नंबर
mark-moved = कहीं और रहने चले गए
mark-deceased = दिवंगत
source-voter-key = मतदाता ने फ़ोन के कीपैड से दर्ज किया
source-agent = एजेंट ने दर्ज किया
source-relative = परिजन ने बताया
source-booth-worker = बूथ कार्यकर्ता ने बताया
source-import = फ़ाइल से आयातित
source-correction = बाद में सुधार के रूप में दर्ज
ended-connected = बात हुई
ended-completed = मतदाता ने स्वचालित कॉल अंत तक सुनी
ended-left = मतदाता ने स्वचालित कॉल के दौरान फ़ोन रखा
ended-abandoned = मतदाता के लिए कोई एजेंट उपलब्ध नहीं था
ended-dropped = मतदाता ने एजेंट की प्रतीक्षा में फ़ोन रखा
ended-machine = आंसरिंग मशीन
ended-busy = व्यस्त
ended-no-answer = उत्तर नहीं
ended-invalid-number = ऐसा नंबर नहीं
ended-congestion = नेटवर्क व्यस्त
ended-rejected = फ़ोन या नेटवर्क ने कॉल अस्वीकार की
ended-carrier-failure = नेटवर्क में खराबी
ended-cancelled = उत्तर से पहले कॉल रद्द
ended-refused = लगाई नहीं गई
ended-missed = मतदाता की मिस्ड कॉल
ended-unknown = अज्ञात

## स्क्रिप्ट

script = कॉल की स्क्रिप्ट
script-back = स्क्रिप्ट का पिछला पेज
script-next = स्क्रिप्ट का अगला पेज
answers = स्क्रिप्ट के प्रश्नों के उत्तर

## जो कॉल एजेंट लगाता है

preview = कॉल का प्रीव्यू
preview-help = देखें कि मतदाता कौन है, फिर मतदाता को डायल करें या छोड़ें।
preview-dials = { $left } में मतदाता अपने आप डायल होगा
preview-ends = कॉल का प्रीव्यू { $left } में समाप्त होगा
dialling = मतदाता को फ़ोन लगाया जा रहा है…
skip-reason = मतदाता को छोड़ने का कारण
skip-hour = कॉल का समय ठीक नहीं
skip-language = मतदाता की भाषा दूसरी है
skip-known = मैं इस मतदाता को जानता/जानती हूँ
skip-entry = मतदाता सूची में गलती है
skip-other = मतदाता को छोड़ने का कोई और कारण
manual = नंबर डायल करें
manual-help = केवल आपकी सूची के नंबर डायल हो सकते हैं, और तभी जब कॉल के नियम अनुमति दें।
manual-number = फ़ोन नंबर
manual-recent = हाल में डायल किए नंबर
do-seat-dial = नंबर डायल करें
do-seat-preview-dial = मतदाता को डायल करें
do-seat-preview-skip = मतदाता को छोड़ें
done-seat-dial = नंबर डायल हो रहा है।
done-seat-preview-dial = मतदाता को डायल किया जा रहा है।
done-seat-preview-skip = मतदाता को छोड़ दिया गया। इस नंबर पर बाद में कॉल होगी।
problem-no-number = यह मान्य फ़ोन नंबर नहीं है। अंक जाँचें।

## नतीजा

outcome = कॉल का नतीजा
outcome-voted = वोट दे चुके
outcome-not-yet = अभी वोट नहीं दिया
outcome-later = बाद में जाएँगे
outcome-will-not = वोट नहीं देंगे
outcome-wrong-number = गलत नंबर
outcome-call-back = फिर फ़ोन करें
outcome-language = दूसरी भाषा चाहिए
outcome-refused = बात से इनकार
outcome-opt-out = फिर कभी कॉल न करें
outcome-machine = आंसरिंग मशीन
outcome-moved = कहीं और रहने चले गए
outcome-deceased = दिवंगत
call-back-at = फिर फ़ोन करें…
own-call-back-at = मैं फिर फ़ोन करूँगा/करूँगी…
own-call-back = आप ख़ुद मतदाता को फिर फ़ोन करेंगे
next-key-for = चुना हुआ मतदाता
outcomes-entered = { $voters } में से { $spoken } नतीजे दर्ज
detail-later = मतदाता कितने बजे वोट देने जाएगा?
detail-call-back = हम कितने बजे फिर फ़ोन करें?
detail-own-call-back = आप कितने बजे फिर फ़ोन करेंगे?
detail-language = मतदाता कौन-सी भाषा बोलता है?
language-unknown = भाषा इस सूची में नहीं है
save-entered = नतीजे सहेजें
note = कॉल की टिप्पणी
note-unsaved = टिप्पणी अभी सहेजी नहीं गई है।
note-saved = टिप्पणी सहेज ली गई।
note-refused = टिप्पणी सहेजी नहीं गई।
entries = आपके दर्ज नतीजे
previous-call = पिछली कॉल
entry-waiting = नतीजा थोड़ी देर में सहेजा जाएगा
entry-sending = नतीजा सहेजा जा रहा है…
entry-retrying = नतीजा अभी सहेजा नहीं गया, फिर कोशिश हो रही है
entry-saved = नतीजा सहेजा गया
entry-saved-without-note = नतीजा टिप्पणी के बिना सहेजा गया। टिप्पणी फिर से लिखें, या पर्यवेक्षक को बताएँ।
entry-refused = नतीजा सहेजा नहीं गया
entry-undoing = नतीजा वापस लिया जा रहा है…
undo = नतीजा वापस लें
save-now = नतीजा अभी सहेजें
dismiss = संदेश हटाएँ
undone = नतीजा वापस लिया गया। सही नतीजा दर्ज करें।
undo-unanswered = डायलर ने जवाब नहीं दिया। नतीजा शायद वापस हुआ हो, शायद नहीं। पर्यवेक्षक को बताएँ।
nothing-to-undo = वापस लेने के लिए कोई नतीजा नहीं है।
correcting = { $name }: नतीजा क्या था?
keep-outcome = नतीजा वैसा ही रखें
entry-late = वह कॉल समाप्त हो चुकी है। कुछ सहेजा नहीं गया।
too-soon = अभी नई कॉल आई है। कुछ सहेजा नहीं गया। देखें कि कौन है, फिर दबाएँ।
voter-not-connected = मतदाता अभी लाइन पर नहीं है।
outcome-not-offered = यह अभियान यह नतीजा स्वीकार नहीं करता।
no-call-back-times = कॉल-बैक का वादा नहीं किया जा सकता: इस नंबर पर कॉल की अधिकतम संख्या पूरी हो चुकी है।
invalid-hour = मतदान समाप्त होने से पहले का घंटा दर्ज करें: दो अंक, या घंटे के साथ दिखाया गया एक अंक।
no-hours-left = मतदान समाप्त होने में एक घंटे से कम समय है: "बाद में जाएँगे" उपलब्ध नहीं है।
invalid-language = भाषा चुनने के लिए दिखाए गए अंकों में से कोई दबाएँ।
refused-call-over = वह कॉल और उसका रैप-अप समाप्त हो चुके हैं।
refused-too-late-to-undo = वापस लेने का समय निकल गया। नतीजा वैसा ही रहेगा।
refused-already-published = "फिर कभी कॉल न करें" वापस नहीं लिया जा सकता: दूसरे केंद्रों को सूचना दी जा चुकी है।
refused-no-call = अभी आपकी कोई कॉल नहीं है।
refused-other-script = आपके उत्तर स्क्रिप्ट के किसी दूसरे संस्करण के हैं। पेज फिर लोड करें।
refused-no-channel = ट्रंक के सभी चैनल व्यस्त हैं। कुछ पल बाद फिर कोशिश करें।
refused-campaign-held = अभियान विराम पर है, या अभी उसके कॉल का समय नहीं है।
refused-forbidden-now = कॉल के नियम अभी इस कॉल की अनुमति नहीं देते।
refused-number-on-a-call = इस नंबर का कोई व्यक्ति पहले से कॉल पर है।
refused-not-listed = यह नंबर आपके अभियानों की सूची में नहीं है, इसलिए उस पर कॉल नहीं हो सकती।
refused-not-due = इस नंबर पर अभी कॉल नहीं हो सकती: हाल में कॉल हुई या छोड़ी गई, या मतदाता ने बाद का समय माँगा।
refused-number-closed = यह नंबर पूरा हो चुका है: उसने कॉल से मना किया है, या वहाँ कोई बाकी नहीं है।
refused-seat-not-free = आप कॉल पर हैं या कॉल आने वाली है। पहले विराम लें, फिर डायल करें।
refused-by-dialler = डायलर ने मना किया: { $text }

## आदेश

do-seat-ready = कॉल फिर शुरू करें
do-seat-pause = कॉल को विराम दें
do-seat-log-off = लॉग ऑफ़
do-seat-hang-up = फ़ोन रखें
do-seat-hold = कॉल होल्ड करें
do-seat-resume = होल्ड हटाएँ
do-seat-transfer = कॉल ट्रांसफ़र करें
do-seat-consult = किसी से परामर्श करें
do-seat-merge = तीन की बातचीत शुरू करें
do-seat-complete-transfer = ट्रांसफ़र पूरा करें
do-seat-cancel-consult = परामर्श समाप्त करें
do-seat-pause-recording = रिकॉर्डिंग रोकें
do-seat-resume-recording = रिकॉर्डिंग फिर शुरू करें
done-seat-ready = आपको फिर कॉल मिलेंगी।
done-seat-pause = कॉल को विराम। चल रही बातचीत जारी है।
done-seat-log-off = इस कॉल के बाद आप लॉग ऑफ़ होंगे।
done-seat-hang-up = कॉल समाप्त की गई।
done-seat-hold = कॉल होल्ड पर है। मतदाता संगीत सुन रहा है।
done-seat-resume = होल्ड हटाया गया। मतदाता आपको फिर सुन रहा है।
done-seat-transfer = कॉल ट्रांसफ़र की गई।
done-seat-consult = जिनसे परामर्श करना है, उन्हें कॉल लगाई जा रही है।
done-seat-merge = आप, मतदाता और दूसरा व्यक्ति जुड़ गए हैं।
done-seat-complete-transfer = मतदाता को दूसरे व्यक्ति से जोड़ दिया गया।
done-seat-cancel-consult = परामर्श समाप्त। आप मतदाता से जुड़े हैं।
done-seat-pause-recording = रिकॉर्डिंग रोकी गई।
done-seat-resume-recording = रिकॉर्डिंग फिर शुरू हुई।
ask-log-off = आपको और कॉल नहीं मिलेंगी। चल रही बातचीत जारी रहेगी।
message-from = { $sender } का संदेश, { $at }:
message-mark-read = संदेश पढ़ा हुआ करें
seat-command-unanswered = डायलर ने जवाब नहीं दिया। फिर कोशिश से पहले अपनी सीट की स्थिति देखें।
unknown-key = यहाँ इस बटन का कोई काम नहीं है।

## अपने आँकड़े, बटन

own-day = आज के आपके आँकड़े
own-calls = आपकी कॉल
own-contacts = संपर्क हुए मतदाता
own-pace = प्रति घंटा संपर्क
team-pace = टीम का औसत { $pace }
own-talked = बातचीत का समय
own-wrap-up = रैप-अप का समय
own-paused = विराम का समय
own-day-empty = आपके आँकड़े पहली कॉल के बाद यहाँ दिखेंगे।
own-call-backs = आज के आपके कॉल-बैक
own-call-backs-help = तय समय पर हर कॉल-बैक आपको मिलता है यदि आप तैयार हों, नहीं तो किसी भी एजेंट को।
next-call-back = अगला कॉल-बैक { $left } में
call-back-due = कॉल-बैक का समय हो गया
own-call-backs-empty = आज के लिए आप जो कॉल-बैक तय करेंगे, वे यहाँ दिखेंगे।
coaching-notes = आपकी कॉल पर टिप्पणियाँ
coaching-note-of = { $sender } की टिप्पणी: { $at } की आपकी कॉल, अभियान { $campaign }
coaching-note-mark-read = टिप्पणी पढ़ी हुई करें
coaching-note-is-read = आप यह टिप्पणी पढ़ चुके हैं।
keys = कीबोर्ड शॉर्टकट
close = बंद करें
keys-help = अंक और स्टार कोड फ़ोन की तरह ही काम करते हैं। टेक्स्ट लिखते समय शॉर्टकट काम नहीं करते।
keys-help-browser = अंक और स्टार कोड इसी कीबोर्ड पर दबाएँ। टेक्स्ट लिखते समय शॉर्टकट काम नहीं करते।
key-digits-does = दबाए गए अंक वाला नतीजा चुनें
key-letters-does = परिवार का वह मतदाता चुनें जिसके साथ दबाया गया अक्षर लिखा है
key-enter-does = नतीजे सहेजें; अगली कॉल के लिए फिर दबाएँ
key-preview-does = कॉल के प्रीव्यू में मतदाता को डायल करें या छोड़ें
key-plus-does = तय समय पर किसी भी एजेंट की ओर से फिर फ़ोन का वादा
key-slash-does = तय समय पर आपकी ओर से फिर फ़ोन का वादा
key-undo-does = नतीजा 5 सेकंड के भीतर वापस लें
key-help-does = कीबोर्ड शॉर्टकट दिखाएँ
key-star-ready-does = कॉल फिर शुरू करें
key-star-pause-does = कॉल को कारण के साथ विराम दें
key-star-hang-up-does = फ़ोन रखें
key-star-hold-does = कॉल को होल्ड पर रखें या होल्ड हटाएँ
key-star-recording-does = रिकॉर्डिंग रोकें या फिर शुरू करें
key-star-log-off-does = लॉग ऑफ़

training = प्रशिक्षण मोड: मतदाता नकली हैं और कुछ भी सहेजा नहीं जाता। मतदाता जो कहता है, वह पेज पर दिखता है।
